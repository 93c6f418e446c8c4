// Short news at the edge of the page. What needs an answer, or must not be missed, has a place of its own instead.
import { Toast } from '@base-ui/react/toast';
import { X } from 'lucide-react';
import { texts } from '../texts/index.ts';
import type { Tone } from './badge.tsx';
import { errorText } from './states.tsx';

const manager = Toast.createToastManager();

interface ToastOptions {
  readonly title: string;
  readonly text?: string;
  readonly tone?: Tone;
  readonly action?: { readonly label: string; readonly onSelect: () => void };
}

/** From anywhere; failures stay longer. */
export function toast({ title, text, tone = 'neutral', action }: ToastOptions): void {
  const id = manager.add({
    title,
    type: tone,
    timeout: tone === 'bad' ? 12_000 : 6000,
    ...(text === undefined ? {} : { description: text }),
    ...(action === undefined
      ? {}
      : {
          actionProps: {
            children: action.label,
            onClick: () => {
              manager.close(id);
              action.onSelect();
            },
          },
        }),
  });
}

/** What was thrown, as news; for actions without a place of their own for errors. */
export const toastError = (thrown: unknown): void =>
  toast({ tone: 'bad', title: texts.parts.failed, text: errorText(thrown) });

export function Toasts() {
  return (
    <Toast.Provider toastManager={manager} limit={4}>
      <Toast.Portal>
        <Toast.Viewport className="toasts" aria-label={texts.parts.notifications}>
          <ToastList />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function ToastList() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((item) => (
    <Toast.Root key={item.id} toast={item} className={`toast toast-${item.type ?? 'neutral'}`} swipeDirection="right">
      <Toast.Content className="toast-content">
        <div className="toast-text">
          <Toast.Title className="toast-title" />
          <Toast.Description className="dim" />
        </div>
        {item.actionProps !== undefined && <Toast.Action className="button button-plain button-small" />}
        <Toast.Close className="button button-ghost button-icon button-small" aria-label={texts.parts.dismiss}>
          <X size={16} aria-hidden />
        </Toast.Close>
      </Toast.Content>
    </Toast.Root>
  ));
}
