// The command palette: pages, models and actions by a few letters. A combobox by the ARIA pattern: the focus stays in the
// field, arrows choose, Enter does it.
import { Dialog } from '@base-ui/react/dialog';
import { Search } from 'lucide-react';
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { post } from '../api/client.ts';
import { forgetKey, keptKey } from '../api/key.ts';
import { isChatModel, useModels } from '../api/queries.ts';
import { toastError } from '../parts/toast.tsx';
import { texts } from '../texts/index.ts';
import { type Command, found } from './commands.ts';
import { requestLoad, stopAllModels, stopModel } from './model-actions.ts';
import { ROUTES } from './routes.ts';
import { chooseTheme } from './theme-choice.ts';

export function Palette({ onClose }: { readonly onClose: () => void }) {
  const commands = useCommands();
  const [query, setQuery] = useState('');
  const [chosen, setChosen] = useState(0);
  const shown = useMemo(() => found(commands, query), [commands, query]);
  const list = useRef<HTMLDivElement>(null);
  const at = Math.min(chosen, Math.max(0, shown.length - 1));
  useEffect(() => {
    list.current?.querySelector(`[data-index="${at}"]`)?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  const run = (command: Command | undefined): void => {
    if (command === undefined) return;
    onClose();
    command.run();
  };
  const pressed = (event: KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return;
    const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    const step = steps[event.key];
    if (step !== undefined && shown.length > 0) {
      event.preventDefault();
      const isSingle = Math.abs(step) === 1;
      const next = at + step;
      setChosen(isSingle ? (next + shown.length) % shown.length : Math.min(Math.max(next, 0), shown.length - 1));
    } else if (event.key === 'Enter') {
      event.preventDefault();
      run(shown[at]);
    }
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="palette" aria-label={texts.app.palette.open}>
          <div className="palette-field">
            <Search size={18} aria-hidden />
            <input
              role="combobox"
              aria-expanded
              aria-controls="palette-list"
              aria-autocomplete="list"
              aria-activedescendant={shown.length === 0 ? undefined : `palette-${at}`}
              aria-label={texts.app.palette.placeholder}
              placeholder={texts.app.palette.placeholder}
              value={query}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => {
                setQuery(event.currentTarget.value);
                setChosen(0);
              }}
              onKeyDown={pressed}
            />
          </div>
          <div className="palette-list" id="palette-list" role="listbox" aria-label={texts.app.palette.open} ref={list}>
            {shown.map((command, index) => (
              <div key={command.id} role="presentation">
                {shown[index - 1]?.group !== command.group && (
                  <p className="palette-group" role="presentation">
                    {command.group}
                  </p>
                )}
                {/* biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field. */}
                {/* biome-ignore lint/a11y/useKeyWithClickEvents: so do the keys. */}
                <div
                  role="option"
                  id={`palette-${index}`}
                  data-index={index}
                  aria-selected={index === at}
                  className="palette-item"
                  onPointerMove={() => setChosen(index)}
                  onClick={() => run(command)}
                >
                  {command.label}
                </div>
              </div>
            ))}
          </div>
          {shown.length === 0 && (
            <p className="palette-nothing dim" role="status">
              {texts.app.palette.nothing}
            </p>
          )}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function useCommands(): readonly Command[] {
  const [, go] = useLocation();
  const { data: models = [] } = useModels();
  return useMemo(() => {
    const { palette, pages, login } = texts.app;
    const act = (work: () => Promise<unknown>) => () => void work().catch(toastError);
    const goTo = ROUTES.filter(({ isInNavigation }) => isInNavigation).map(
      ({ id, home }): Command => ({ id: `go ${id}`, group: palette.pages, label: pages[id], run: () => go(home) }),
    );
    const actions: Command[] = [
      { id: 'new chat', group: palette.actions, label: palette.newChat, run: () => go('/chat') },
      {
        id: 'docs',
        group: palette.actions,
        label: palette.apiDocs,
        words: 'openapi reference',
        run: () => location.assign('/docs'),
      },
      { id: 'rescan', group: palette.actions, label: palette.rescan, run: act(() => post('/drover/rescan')) },
      {
        id: 'stop all',
        group: palette.actions,
        label: palette.stopAll,
        run: act(stopAllModels),
      },
      {
        id: 'theme system',
        group: palette.actions,
        label: palette.themeSystem,
        words: 'theme',
        run: () => chooseTheme('system'),
      },
      {
        id: 'theme light',
        group: palette.actions,
        label: palette.themeLight,
        words: 'theme',
        run: () => chooseTheme('light'),
      },
      {
        id: 'theme dark',
        group: palette.actions,
        label: palette.themeDark,
        words: 'theme night',
        run: () => chooseTheme('dark'),
      },
      ...(keptKey() === null
        ? []
        : [{ id: 'logout', group: palette.actions, label: login.logout, words: 'log out sign out', run: forgetKey }]),
    ];
    const ofModels = models.filter(isChatModel).flatMap((model): Command[] => {
      const runs = model.instance !== null && ['starting', 'ready'].includes(model.instance.state);
      return [
        {
          id: `chat ${model.id}`,
          group: palette.models,
          label: palette.chatWith(model.id),
          words: model.title,
          run: () => go(`/chat?model=${encodeURIComponent(model.id)}`),
        },
        runs
          ? {
              id: `stop ${model.id}`,
              group: palette.models,
              label: palette.stop(model.id),
              run: act(() => stopModel(model.id)),
            }
          : {
              id: `load ${model.id}`,
              group: palette.models,
              label: palette.load(model.id),
              run: act(() => requestLoad(model.id)),
            },
      ];
    });
    return [...goTo, ...actions, ...ofModels];
  }, [go, models]);
}
