// The text of an answer, by blocks: while it grows only its last ones are made anew.
import { useMemo, useRef } from 'react';
import { type Cut, cut, NOTHING } from './blocks.ts';
import { MarkdownBlock } from './markdown.tsx';

export function AnswerText({ text, isWhole }: { readonly text: string; readonly isWhole: boolean }) {
  const last = useRef<Cut>(NOTHING);
  const blocks = useMemo(() => {
    last.current = cut(text, last.current, isWhole);
    return last.current.blocks;
  }, [text, isWhole]);
  return (
    <div className="chat-text" dir="auto">
      {blocks.map((block) => (
        <MarkdownBlock key={block.key} block={block} />
      ))}
    </div>
  );
}
