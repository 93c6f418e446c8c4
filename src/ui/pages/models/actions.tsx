// What can be done with the model that is shown, and how its loading goes.
import { Ellipsis, MessageSquare, Pin, PinOff, Play, ScrollText, Square, Trash2 } from 'lucide-react';
import type { Model } from '../../api/answers.ts';
import { isChatModel } from '../../api/queries.ts';
import {
  forgetLoadError,
  giveUpLoading,
  type Loading,
  loadModel,
  logLinesOf,
  pinModel,
  stopModel,
  useLoading,
} from '../../app/model-actions.ts';
import { Button, ButtonLink } from '../../parts/button.tsx';
import { CodeBlock } from '../../parts/code-block.tsx';
import { Menu } from '../../parts/menu.tsx';
import { Progress } from '../../parts/meter.tsx';
import { Notice } from '../../parts/notice.tsx';
import { reasonOf } from '../../parts/states.tsx';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { stateOf } from './library.ts';

const words = texts.models;

interface ActionsProps {
  readonly model: Model;
  readonly onDelete: () => void;
}

export function Actions({ model, onDelete }: ActionsProps) {
  const loading = useLoading(model.id);
  const state = stateOf(model);
  const isOn = state === 'ready' || state === 'starting';
  const isPinned = model.instance?.isPinned === true;
  const act = (work: Promise<unknown>): void => void work.catch(toastError);
  return (
    <div className="row">
      {isChatModel(model) && (
        <ButtonLink
          to={`/chat?model=${encodeURIComponent(model.id)}`}
          tone="primary"
          icon={<MessageSquare size={15} aria-hidden />}
        >
          {words.chat}
        </ButtonLink>
      )}
      {isOn && !loading.isRunning ? (
        <Button icon={<Square size={14} aria-hidden />} onClick={() => act(stopModel(model.id))}>
          {words.unload}
        </Button>
      ) : (
        <Button
          icon={<Play size={15} aria-hidden />}
          isBusy={loading.isRunning}
          disabled={state === 'broken'}
          onClick={() => void loadModel(model.id)}
        >
          {words.load}
        </Button>
      )}
      <Menu
        trigger={
          <Button className="button-icon" aria-label={words.more}>
            <Ellipsis size={16} aria-hidden />
          </Button>
        }
        actions={[
          {
            label: isPinned ? words.unpin : words.pin,
            icon: isPinned ? <PinOff size={15} aria-hidden /> : <Pin size={15} aria-hidden />,
            onSelect: () => act(pinModel(model.id, !isPinned)),
          },
          {
            label: words.logs,
            icon: <ScrollText size={15} aria-hidden />,
            to: `/instances/${encodeURIComponent(model.id)}`,
          },
          ...(isOn
            ? [
                {
                  label: words.unloadNow,
                  icon: <Square size={15} aria-hidden />,
                  onSelect: () => act(stopModel(model.id, true)),
                },
              ]
            : []),
          null,
          { label: words.delete, icon: <Trash2 size={15} aria-hidden />, isDanger: true, onSelect: onDelete },
        ]}
      />
    </div>
  );
}

const stageText = ({ stage, detail }: Loading): string => {
  const said = stage === null ? words.loading.wait : ((words.loading as Record<string, string>)[stage] ?? stage);
  return detail === null ? said : `${said}: ${detail}`;
};

/** While it loads, and when that went wrong: why, and the way out. */
export function LoadingState({ model }: { readonly model: Model }) {
  const loading = useLoading(model.id);
  if (loading.isRunning) {
    return (
      <div className="models-loading" role="status">
        <div className="spread">
          <span>{stageText(loading)}</span>
          <Button isSmall onClick={() => giveUpLoading(model.id)}>
            {words.loading.giveUp}
          </Button>
        </div>
        <Progress label={words.state.starting} ratio={null} />
      </div>
    );
  }
  if (loading.error === null) {
    const { failure = null } = model.instance ?? {};
    return failure === null ? null : <Notice tone="bad" title={words.failed} text={failure} />;
  }
  const { message, hint } = reasonOf(loading.error);
  const lines = logLinesOf(loading.error);
  return (
    <div className="column">
      <Notice
        tone="bad"
        isAlert
        title={message}
        text={hint}
        actions={
          <Button isSmall onClick={() => forgetLoadError(model.id)}>
            {words.dismiss}
          </Button>
        }
      />
      {lines.length > 0 && (
        <CodeBlock text={lines.join('\n')} title={words.lastLines} label={words.lastLines} isWrapped />
      )}
    </div>
  );
}
