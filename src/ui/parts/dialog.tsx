// Dialogs, sheets and the question before something that cannot be undone. Escape and a press beside them close them, and
// the focus goes back to where it was.
import { AlertDialog } from '@base-ui/react/alert-dialog';
import { Dialog as Base } from '@base-ui/react/dialog';
import { X } from 'lucide-react';
import { type ReactNode, type RefObject, useState } from 'react';
import { texts } from '../texts/index.ts';
import { Button, type ButtonTone } from './button.tsx';
import { errorText } from './states.tsx';

interface DialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly title: ReactNode;
  readonly text?: ReactNode;
  readonly children?: ReactNode;
  /** Buttons at its foot. */
  readonly actions?: ReactNode;
  /** `sheet`: along the right edge, the whole screen where it is narrow. */
  readonly shape?: 'dialog' | 'wide' | 'sheet';
  /** What has the focus first; absent: the first that can. (An element that takes it by itself would be taken for the opener.) */
  readonly first?: RefObject<HTMLElement | null>;
}

export function Dialog(props: DialogProps) {
  const { isOpen, onClose, title, text, children, actions, shape = 'dialog', first } = props;
  return (
    <Base.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="backdrop" />
        <Base.Popup className={`dialog dialog-${shape}`} {...(first === undefined ? {} : { initialFocus: first })}>
          <header className="dialog-head">
            <Base.Title className="dialog-title">{title}</Base.Title>
            <Base.Close className="button button-ghost button-icon" aria-label={texts.parts.close}>
              <X size={18} aria-hidden />
            </Base.Close>
          </header>
          <div className="dialog-body">
            {text !== undefined && <Base.Description className="dialog-text">{text}</Base.Description>}
            {children}
          </div>
          {actions !== undefined && <footer className="dialog-actions">{actions}</footer>}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

interface ConfirmProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly title: ReactNode;
  readonly text?: ReactNode;
  readonly children?: ReactNode;
  readonly action: string;
  readonly tone?: ButtonTone;
  /** Closes when it is done; what it throws is shown here. */
  readonly onConfirm: () => Promise<unknown> | undefined;
}

export function ConfirmDialog(props: ConfirmProps) {
  const { isOpen, onClose, title, text, children, action, tone = 'danger', onConfirm } = props;
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const close = (): void => {
    setFailure(null);
    onClose();
  };
  const confirm = async (): Promise<void> => {
    setBusy(true);
    setFailure(null);
    try {
      await onConfirm();
      close();
    } catch (thrown) {
      setFailure(errorText(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <AlertDialog.Root open={isOpen} onOpenChange={(open) => !open && close()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <AlertDialog.Popup className="dialog dialog-dialog">
          <header className="dialog-head">
            <AlertDialog.Title className="dialog-title">{title}</AlertDialog.Title>
          </header>
          <div className="dialog-body">
            {text !== undefined && <AlertDialog.Description className="dialog-text">{text}</AlertDialog.Description>}
            {children}
            {failure !== null && (
              <p className="field-error" role="alert">
                {failure}
              </p>
            )}
          </div>
          <footer className="dialog-actions">
            <AlertDialog.Close className="button button-plain">{texts.parts.cancel}</AlertDialog.Close>
            <Button tone={tone} isBusy={isBusy} onClick={() => void confirm()}>
              {action}
            </Button>
          </footer>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
