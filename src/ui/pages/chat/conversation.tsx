// One chat, or the place where one begins: its messages, the state of its model, and the composer.
import { ArrowDown } from 'lucide-react';
import { type DragEvent, useCallback, useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import type { Model } from '../../api/answers.ts';
import { Button } from '../../parts/button.tsx';
import { texts } from '../../texts/index.ts';
import { AnswerMessage } from './answer-message.tsx';
import { isAnswering as isAnsweringIn, stop, useAnsweredChats } from './answering.ts';
import { useAttaching } from './attaching.ts';
import type { ChatMessage, ChatSettings } from './chat.ts';
import { useChatKeys } from './chat-keys.ts';
import { Composer } from './composer.tsx';
import { ContextMeter } from './context-meter.tsx';
import { keepLastModel } from './drafts.ts';
import { ModelState } from './model-state.tsx';
import { QuestionMessage } from './question-message.tsx';
import { useScrolling } from './scrolling.ts';
import { useUnsaved, type WholeChat } from './store.ts';
import { ask, beginWith, type Said } from './talk.ts';
import { pathTo, siblingsOf } from './tree.ts';

interface ConversationProps {
  /** Null: a chat that has not begun. */
  readonly whole: WholeChat | null;
  readonly settings: ChatSettings;
  readonly modelId: string | null;
  readonly model: Model | null;
  /** False: which models there are is being asked. */
  readonly areModelsKnown: boolean;
}

export function Conversation({ whole, settings, modelId, model, areModelsKnown }: ConversationProps) {
  const chatId = whole?.chat.id ?? null;
  const [, go] = useLocation();
  const field = useRef<HTMLTextAreaElement>(null);
  const [edited, setEdited] = useState<string | null>(null);
  const [isDropped, setDropped] = useState(false);
  const answered = useAnsweredChats();
  const isAnswering = chatId !== null && answered.has(chatId);
  const attaching = useAttaching({ modelId, hasVision: model === null || model.hasVision || model.isCustom });
  const scrolling = useScrolling(chatId);
  const isUnsaved = useUnsaved();
  const messages = whole?.messages ?? [];
  const path = whole === null ? [] : pathTo(messages, whole.chat.headId);
  const last = path.at(-1);

  const send = (said: Said): void => {
    if (modelId === null) return;
    keepLastModel(modelId);
    attaching.clear();
    if (chatId === null) go(`/chat/${beginWith(said, settings, modelId, texts.chat.untitled)}`);
    else ask(chatId, last?.id ?? null, said, modelId);
    scrolling.toEnd();
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: another chat is another place to write.
  useEffect(() => {
    // On a touch screen it would open the keyboard over what is to be read.
    if (matchMedia('(hover: hover)').matches) field.current?.focus({ preventScroll: true });
    setEdited(null);
  }, [chatId]);
  const sendEdited = useCallback(
    (message: ChatMessage, content: string) => {
      if (chatId === null || isAnsweringIn(chatId)) return;
      setEdited(null);
      field.current?.focus();
      if (modelId !== null) {
        ask(chatId, message.parentId, { content: content.trim(), attachments: message.attachments }, modelId);
      }
    },
    [chatId, modelId],
  );
  const edit = useCallback((id: string | null) => {
    setEdited(id);
    if (id === null) field.current?.focus();
  }, []);
  useChatKeys({
    onNew: () => go('/chat'),
    onStop: () => {
      if (chatId === null || !isAnswering) return false;
      stop(chatId);
      return true;
    },
    field: () => field.current,
  });
  const dragged = (event: DragEvent, is: boolean): void => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    setDropped(is);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping files is one way of three; a button and pasting are others.
    <div
      className={isAnswering ? 'chat-talk chat-talk-busy' : 'chat-talk'}
      onDragOver={(event) => dragged(event, true)}
      onDragLeave={(event) => dragged(event, false)}
      onDrop={(event) => {
        dragged(event, false);
        attaching.add([...event.dataTransfer.files]);
      }}
    >
      <section className="chat-scroll" ref={scrolling.frame} tabIndex={0} aria-label={texts.chat.message.list}>
        <div className="chat-messages" ref={scrolling.content}>
          {path.length === 0 && modelId !== null && (
            <div className="chat-start">
              <p className="chat-start-title">{texts.chat.start.title}</p>
              {model?.isCustom === false && <p className="dim">{texts.chat.start.text(modelId)}</p>}
            </div>
          )}
          {chatId !== null &&
            path.map((message) => {
              const siblings = siblingsOf(messages, message);
              const versions = { ids: siblings.map(({ id }) => id), at: siblings.indexOf(message) };
              return message.role === 'user' ? (
                <QuestionMessage
                  key={message.id}
                  chatId={chatId}
                  message={message}
                  versions={versions}
                  isEdited={edited === message.id}
                  onEdit={edit}
                  onEdited={sendEdited}
                />
              ) : (
                <AnswerMessage
                  key={message.id}
                  chatId={chatId}
                  message={message}
                  versions={versions}
                  modelId={modelId}
                  isLast={message === last}
                />
              );
            })}
        </div>
      </section>
      <div className="chat-foot">
        {!scrolling.isAtEnd && (
          <Button isSmall className="chat-to-end" icon={<ArrowDown size={15} aria-hidden />} onClick={scrolling.toEnd}>
            {texts.chat.message.toEnd}
          </Button>
        )}
        {isUnsaved && <p className="chat-unsaved small">{texts.chat.composer.unsaved}</p>}
        {!isAnswering && areModelsKnown && (
          <ModelState model={model} modelId={modelId} isReasonSaid={last?.state === 'failed'} />
        )}
        <Composer
          key={chatId ?? 'new'}
          chatId={chatId}
          modelId={modelId}
          isChoiceKnown={areModelsKnown}
          isAnswering={isAnswering}
          attachments={attaching.attachments}
          refusals={attaching.refusals}
          onFiles={attaching.add}
          onDetach={attaching.remove}
          onSend={send}
          onStop={() => chatId !== null && stop(chatId)}
          onEditLast={() => {
            const question = path.findLast(({ role }) => role === 'user');
            if (question !== undefined && !isAnswering) setEdited(question.id);
          }}
          fieldRef={field}
          foot={<ContextMeter path={path} wholeTokens={model?.instance?.verdict?.contextTokens ?? null} />}
        />
      </div>
      {isDropped && <div className="chat-drop">{texts.chat.composer.drop}</div>}
    </div>
  );
}
