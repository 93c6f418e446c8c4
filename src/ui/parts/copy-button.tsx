// Copies a text, and says that it did. Off loopback without TLS browsers have no clipboard; then the old way is tried.
import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { texts } from '../texts/index.ts';
import { Button, IconButton } from './button.tsx';
import { toast } from './toast.tsx';

/** True when it is in the clipboard. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'only-read';
    const { activeElement } = document;
    document.body.append(area);
    area.select();
    const isDone = document.execCommand('copy');
    area.remove();
    if (activeElement instanceof HTMLElement) activeElement.focus();
    return isDone;
  }
}

interface CopyButtonProps {
  readonly text: string | (() => string);
  readonly label?: string;
  /** With its label beside the icon. */
  readonly hasText?: boolean;
  readonly isSmall?: boolean;
}

export function CopyButton({ text, label = texts.parts.copy, hasText = false, isSmall = true }: CopyButtonProps) {
  const [isDone, setDone] = useState(false);
  useEffect(() => {
    if (!isDone) return undefined;
    const timer = setTimeout(() => setDone(false), 1600);
    return () => clearTimeout(timer);
  }, [isDone]);
  const copy = async (): Promise<void> => {
    if (await copyText(typeof text === 'string' ? text : text())) setDone(true);
    else toast({ tone: 'warn', title: texts.parts.copyFailed });
  };
  const icon = isDone ? <Check size={15} aria-hidden /> : <Copy size={15} aria-hidden />;
  const said = isDone ? texts.parts.copied : label;
  return hasText ? (
    <Button isSmall={isSmall} icon={icon} onClick={() => void copy()}>
      {said}
    </Button>
  ) : (
    <IconButton isSmall={isSmall} label={said} onClick={() => void copy()}>
      {icon}
    </IconButton>
  );
}
