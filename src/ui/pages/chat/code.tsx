// Code in an answer: its language, a button that copies it, and colours once it is complete.
import { memo, type ReactNode, useEffect, useState } from 'react';
import { CopyButton } from '../../parts/copy-button.tsx';
import { texts } from '../../texts/index.ts';
import type { Highlighted } from './highlighted.ts';

interface CodeProps {
  readonly text: string;
  readonly language: string;
  /** Nothing more comes: colours are worth their time. */
  readonly isComplete: boolean;
}

/** Colours of more than this cost more than they tell. */
const LONGEST_COLOURED = 60_000;

export const Code = memo(function Code({ text, language, isComplete }: CodeProps) {
  const coloured = useColours(text, language, isComplete);
  const name = language === '' ? texts.chat.code.plain : language;
  return (
    <figure className="code">
      <figcaption className="code-head">
        <span>{name}</span>
        <CopyButton text={text} label={texts.chat.code.copy} />
      </figcaption>
      {/* What scrolls must be reachable by keyboard, and then it needs a name. */}
      <section tabIndex={0} aria-label={texts.chat.code.label(name)}>
        <pre className="code-text">
          <code>{coloured === null ? text : coloured.map(nodeOf)}</code>
        </pre>
      </section>
    </figure>
  );
});

function nodeOf(node: Highlighted | string, index: number): ReactNode {
  if (typeof node === 'string') return node;
  return (
    <span key={index} className={node.className}>
      {node.children.map(nodeOf)}
    </span>
  );
}

function useColours(text: string, language: string, isComplete: boolean): Highlighted['children'] | null {
  const [coloured, setColoured] = useState<{ of: string; tree: Highlighted['children'] | null } | null>(null);
  const isWanted = isComplete && language !== '' && text.length <= LONGEST_COLOURED;
  useEffect(() => {
    if (!isWanted) return undefined;
    let isGone = false;
    const colour = async (): Promise<void> => {
      const { highlight } = await import('./languages.ts');
      if (!isGone) setColoured({ of: text, tree: highlight(text, language) });
    };
    return whenIdle(
      () => void colour().catch(() => undefined),
      () => {
        isGone = true;
      },
    );
  }, [isWanted, text, language]);
  return isWanted && coloured?.of === text ? coloured.tree : null;
}

/** Safari has no idle callbacks. */
function whenIdle(run: () => void, onCancel: () => void): () => void {
  if (typeof requestIdleCallback !== 'function') {
    const timer = setTimeout(run, 50);
    return () => {
      clearTimeout(timer);
      onCancel();
    };
  }
  const handle = requestIdleCallback(run, { timeout: 500 });
  return () => {
    cancelIdleCallback(handle);
    onCancel();
  };
}
