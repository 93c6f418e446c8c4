// A question as it was asked, with its files; edited in its place, which makes another version of it.
import { memo, useEffect, useRef, useState } from 'react';
import { Button } from '../../parts/button.tsx';
import { texts } from '../../texts/index.ts';
import { AttachmentList } from './attachment-list.tsx';
import type { ChatMessage } from './chat.ts';
import { fitHeight } from './field-height.ts';
import { areSame, MessageTools, type Versions } from './message-tools.tsx';

interface QuestionProps {
  readonly chatId: string;
  readonly message: ChatMessage;
  readonly versions: Versions;
  readonly isEdited: boolean;
  readonly onEdit: (messageId: string | null) => void;
  readonly onEdited: (message: ChatMessage, content: string) => void;
}

export const QuestionMessage = memo(
  function QuestionMessage({ chatId, message, versions, isEdited, onEdit, onEdited }: QuestionProps) {
    return (
      <article className="chat-question">
        <h2 className="only-read">{texts.chat.message.you}</h2>
        {message.attachments.length > 0 && <AttachmentList attachments={message.attachments} />}
        {isEdited ? (
          <Editor message={message} onCancel={() => onEdit(null)} onDone={(content) => onEdited(message, content)} />
        ) : (
          <>
            {message.content !== '' && (
              <p className="chat-bubble" dir="auto">
                {message.content}
              </p>
            )}
            <MessageTools chatId={chatId} message={message} versions={versions} onEdit={() => onEdit(message.id)} />
          </>
        )}
      </article>
    );
  },
  (before, after) =>
    before.message === after.message &&
    before.isEdited === after.isEdited &&
    before.onEdited === after.onEdited &&
    areSame(before.versions, after.versions),
);

interface EditorProps {
  readonly message: ChatMessage;
  readonly onCancel: () => void;
  readonly onDone: (content: string) => void;
}

function Editor({ message, onCancel, onDone }: EditorProps) {
  const [text, setText] = useState(message.content);
  const field = useRef<HTMLTextAreaElement>(null);
  const words = texts.chat.message;
  useEffect(() => {
    const { current } = field;
    current?.focus();
    current?.setSelectionRange(current.value.length, current.value.length);
    current?.scrollIntoView({ block: 'nearest' });
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text is what makes it grow.
  useEffect(() => fitHeight(field.current), [text]);
  const canSend = text.trim() !== '' || message.attachments.length > 0;
  return (
    <form
      className="chat-editor"
      onSubmit={(event) => {
        event.preventDefault();
        if (canSend) onDone(text);
      }}
    >
      <textarea
        ref={field}
        className="input textarea"
        aria-label={words.editLabel}
        value={text}
        dir="auto"
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          if (event.key === 'Escape') {
            event.stopPropagation();
            onCancel();
          } else if (event.key === 'Enter' && !event.shiftKey) {
            event.preventDefault();
            if (canSend) onDone(text);
          }
        }}
      />
      <div className="row">
        <Button type="submit" tone="primary" isSmall className="chat-when-free" disabled={!canSend}>
          {words.sendEdited}
        </Button>
        <Button isSmall onClick={onCancel}>
          {words.cancel}
        </Button>
      </div>
    </form>
  );
}
