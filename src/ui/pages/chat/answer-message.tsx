// An answer: what was thought, what was said, what it took, and what to do when it broke off.
import { Play, RotateCw } from 'lucide-react';
import { memo } from 'react';
import { Button } from '../../parts/button.tsx';
import { Progress } from '../../parts/meter.tsx';
import { Notice } from '../../parts/notice.tsx';
import { texts } from '../../texts/index.ts';
import { AnswerText } from './answer-text.tsx';
import { type Live, thoughtMs, useLive } from './answering.ts';
import type { ChatMessage } from './chat.ts';
import { Figures } from './figures.tsx';
import { areSame, MessageTools, type Versions } from './message-tools.tsx';
import { Reasoning } from './reasoning.tsx';
import { again, goOn } from './talk.ts';

interface AnswerProps {
  readonly chatId: string;
  readonly message: ChatMessage;
  readonly versions: Versions;
  /** Who would answer now; null: nobody is chosen. */
  readonly modelId: string | null;
  readonly isLast: boolean;
}

export const AnswerMessage = memo(
  function AnswerMessage({ chatId, message, versions, modelId, isLast }: AnswerProps) {
    const live = useLive(message.id);
    const content = live?.folded.content ?? message.content;
    const reasoning = live === null ? (message.reasoning ?? '') : live.folded.reasoning;
    const onAgain = modelId === null ? undefined : () => again(chatId, message, modelId);
    return (
      <article className={isLast ? 'chat-answer chat-last' : 'chat-answer'} aria-busy={live !== null || undefined}>
        <h2 className="chat-who">
          <span className="only-read">{texts.chat.message.model(message.modelId ?? '')}</span>
          <span aria-hidden>{message.modelId}</span>
        </h2>
        {reasoning !== '' && (
          <Reasoning
            text={reasoning}
            since={live !== null && live.reasoningMs === null ? live.reasoningSince : null}
            tookMs={live?.reasoningMs ?? thoughtMs(message.id)}
          />
        )}
        {content !== '' && <AnswerText text={content} isWhole={live === null} />}
        {live !== null && content === '' && reasoning === '' && <Waiting live={live} />}
        {live === null && (
          <>
            <Ending
              message={message}
              onAgain={onAgain}
              onGoOn={() => modelId !== null && goOn(chatId, message, modelId)}
            />
            <div className="chat-foot-line">
              <MessageTools
                chatId={chatId}
                message={message}
                versions={versions}
                {...(onAgain === undefined || message.state !== 'complete' ? {} : { onAgain })}
              />
              <Figures metrics={message.metrics} />
            </div>
          </>
        )}
      </article>
    );
  },
  (before, after) =>
    before.message === after.message &&
    before.modelId === after.modelId &&
    before.isLast === after.isLast &&
    areSame(before.versions, after.versions),
);

/** Before the first word: where it stands, with a bar where it is known how far. */
function Waiting({ live }: { readonly live: Live }) {
  const { phase } = texts.chat;
  const steps: Readonly<Record<Live['phase'], readonly [text: string, ratio: number | null]>> = {
    sent: [phase.sent, null],
    queued: [phase.queued(live.position), null],
    loading: [phase.loading(live.stage), live.ratio],
    reading: [phase.reading, live.folded.promptRatio],
    reasoning: [phase.sent, null],
    answering: [phase.sent, null],
  };
  const [text, ratio] = steps[live.phase];
  return (
    <div className="chat-waiting">
      <p className="dim">{text}</p>
      {(live.phase === 'loading' || live.phase === 'reading') && <Progress label={phase.progress} ratio={ratio} />}
    </div>
  );
}

interface EndingProps {
  readonly message: ChatMessage;
  readonly onAgain: (() => void) | undefined;
  readonly onGoOn: () => void;
}

function Ending({ message: { state, failure, content }, onAgain, onGoOn }: EndingProps) {
  if (state === 'complete') return null;
  const words = texts.chat.message;
  const [first = '', ...rest] = (failure ?? '').split('\n');
  const titles = { stopped: words.stopped, partial: words.partial, failed: words.failed };
  return (
    <Notice
      tone={state === 'failed' ? 'bad' : state === 'partial' ? 'warn' : 'neutral'}
      title={first === '' ? titles[state] : first}
      text={first === '' ? (state === 'partial' ? words.partialText : null) : rest.join(' ') || null}
      actions={
        onAgain !== undefined && (
          <>
            {content !== '' && (
              <Button isSmall icon={<Play size={14} aria-hidden />} className="chat-when-free" onClick={onGoOn}>
                {words.continue}
              </Button>
            )}
            <Button isSmall icon={<RotateCw size={14} aria-hidden />} className="chat-when-free" onClick={onAgain}>
              {words.regenerate}
            </Button>
          </>
        )
      }
    />
  );
}
