// Files that go with a message: pictures as pictures, texts by name.
import { FileText, X } from 'lucide-react';
import { size } from '../../format.ts';
import { texts } from '../../texts/index.ts';
import type { Attachment } from './chat.ts';
import { imageAddress } from './request.ts';

interface AttachmentListProps {
  readonly attachments: readonly Attachment[];
  readonly onRemove?: (index: number) => void;
}

export function AttachmentList({ attachments, onRemove }: AttachmentListProps) {
  return (
    <ul className="chat-files" aria-label={texts.chat.attachments.list}>
      {attachments.map((attachment, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two files may be the same.
        <li key={index} className={`chat-file chat-file-${attachment.kind}`}>
          {attachment.kind === 'image' ? (
            <img src={imageAddress(attachment)} alt={texts.chat.message.image(attachment.name)} />
          ) : (
            <>
              <FileText size={16} aria-hidden />
              <span className="truncate">{attachment.name}</span>
              <span className="dim small">{size(attachment.sizeBytes)}</span>
            </>
          )}
          {onRemove !== undefined && (
            <button
              type="button"
              className="chat-file-remove"
              aria-label={texts.chat.composer.detach(attachment.name)}
              onClick={() => onRemove(index)}
            >
              <X size={13} aria-hidden />
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}
