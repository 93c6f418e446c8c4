// Text as it is, in a frame of its own, to be read and copied.
import type { ReactNode } from 'react';
import { CopyButton } from './copy-button.tsx';

interface CodeBlockProps {
  readonly text: string;
  readonly title?: ReactNode;
  readonly label: string;
  readonly isWrapped?: boolean;
}

export function CodeBlock({ text, title, label, isWrapped = false }: CodeBlockProps) {
  return (
    <figure className="code">
      <figcaption className="code-head">
        <span>{title}</span>
        <CopyButton text={text} />
      </figcaption>
      {/* What scrolls must be reachable by keyboard, and then it needs a name. */}
      <section tabIndex={0} aria-label={label}>
        <pre className={isWrapped ? 'code-text code-wrapped' : 'code-text'}>
          <code>{text}</code>
        </pre>
      </section>
    </figure>
  );
}
