// Where a message is written: it grows, keeps its draft over a reload, takes files, and is sent by Enter unless letters are
// being composed.
import { ArrowUp, Paperclip, Square } from 'lucide-react';
import { type ClipboardEvent, type KeyboardEvent, type ReactNode, type Ref, useEffect, useRef, useState } from 'react';
import { Button, IconButton } from '../../parts/button.tsx';
import { texts } from '../../texts/index.ts';
import { AttachmentList } from './attachment-list.tsx';
import type { Attachment } from './chat.ts';
import { draftOf, keepDraft } from './drafts.ts';
import { fitHeight } from './field-height.ts';
import type { Said } from './talk.ts';

interface ComposerProps {
  readonly chatId: string | null;
  readonly modelId: string | null;
  /** False: nobody knows yet whether there is a model to choose. */
  readonly isChoiceKnown: boolean;
  readonly isAnswering: boolean;
  readonly attachments: readonly Attachment[];
  /** Why the last files were not taken. */
  readonly refusals: readonly string[];
  readonly onFiles: (files: readonly File[]) => void;
  readonly onDetach: (index: number) => void;
  readonly onSend: (said: Said) => void;
  readonly onStop: () => void;
  /** Arrow up where nothing is written yet. */
  readonly onEditLast: () => void;
  readonly fieldRef: Ref<HTMLTextAreaElement>;
  readonly foot: ReactNode;
}

export function Composer(props: ComposerProps) {
  const { chatId, modelId, isChoiceKnown, isAnswering, attachments, refusals, onFiles, onDetach, onSend, onStop } =
    props;
  const [text, setText] = useState(() => draftOf(chatId));
  const field = useRef<HTMLTextAreaElement | null>(null);
  const picker = useRef<HTMLInputElement>(null);
  const words = texts.chat.composer;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text is what makes it grow.
  useEffect(() => fitHeight(field.current), [text]);
  const isReady = !isAnswering && (text.trim() !== '' || attachments.length > 0);
  const canSend = isReady && modelId !== null;
  // Sent before the models are known: it goes as soon as they are, unless it is written on.
  const [isWaiting, setWaiting] = useState(false);
  const write = (next: string): void => {
    setWaiting(false);
    setText(next);
    keepDraft(chatId, next);
  };
  const send = (): void => {
    setWaiting(isReady && !canSend && !isChoiceKnown);
    if (!canSend) return;
    onSend({ content: text.trim(), attachments });
    write('');
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: that the models are known now is what sends it.
  useEffect(() => {
    if (isWaiting && isChoiceKnown) send();
  }, [isChoiceKnown]);
  const pressed = (event: KeyboardEvent): void => {
    // Safari ends composing before it tells of the Enter that ended it.
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      send();
    } else if (event.key === 'ArrowUp' && text === '') {
      event.preventDefault();
      props.onEditLast();
    }
  };
  const pasted = (event: ClipboardEvent): void => {
    const files = [...event.clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    onFiles(files);
  };
  return (
    <form
      className="chat-composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {refusals.length > 0 && (
        <ul className="chat-refusals field-error" role="alert">
          {refusals.map((refusal) => (
            <li key={refusal}>{refusal}</li>
          ))}
        </ul>
      )}
      <div className="chat-box">
        {attachments.length > 0 && <AttachmentList attachments={attachments} onRemove={onDetach} />}
        <textarea
          ref={(node) => {
            field.current = node;
            if (typeof props.fieldRef === 'function') props.fieldRef(node);
            else if (props.fieldRef !== null) props.fieldRef.current = node;
          }}
          className="chat-field"
          rows={1}
          dir="auto"
          aria-label={words.label}
          aria-describedby="chat-hint"
          placeholder={isChoiceKnown || modelId !== null ? words.placeholder(modelId) : ''}
          value={text}
          onChange={(event) => write(event.currentTarget.value)}
          onKeyDown={pressed}
          onPaste={pasted}
        />
        <div className="chat-box-foot">
          <IconButton isSmall label={words.attach} onClick={() => picker.current?.click()}>
            <Paperclip size={17} aria-hidden />
          </IconButton>
          <input
            ref={picker}
            type="file"
            multiple
            hidden
            aria-label={words.attach}
            onChange={(event) => {
              onFiles([...(event.currentTarget.files ?? [])]);
              event.currentTarget.value = '';
            }}
          />
          {props.foot}
          {isAnswering ? (
            <Button tone="primary" isSmall icon={<Square size={13} fill="currentcolor" aria-hidden />} onClick={onStop}>
              {words.stop}
            </Button>
          ) : (
            <Button type="submit" tone="primary" isSmall icon={<ArrowUp size={16} aria-hidden />} disabled={!canSend}>
              {words.send}
            </Button>
          )}
        </div>
      </div>
      <p id="chat-hint" className="chat-hint dim">
        {words.hint}
      </p>
    </form>
  );
}
