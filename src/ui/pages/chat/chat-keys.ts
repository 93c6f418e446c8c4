// Keys of the whole page: typing goes to the composer wherever the focus is, a new chat, and stopping.
import { useEffect, useRef } from 'react';

interface ChatKeys {
  readonly onNew: () => void;
  /** False: there was nothing to stop. */
  readonly onStop: () => boolean;
  readonly field: () => HTMLTextAreaElement | null;
}

export function useChatKeys(keys: ChatKeys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const { onNew, onStop, field } = latest.current;
      if (event.isComposing || event.defaultPrevented) return;
      if (event.key.toLowerCase() === 'o' && event.shiftKey && (event.ctrlKey || event.metaKey) && !event.altKey) {
        event.preventDefault();
        onNew();
        field()?.focus();
        return;
      }
      // Dialogs and menus have keys of their own.
      if (event.target instanceof Element && event.target.closest('[role=dialog], [role=alertdialog], [role=menu]'))
        return;
      if (event.key === 'Escape') {
        if (onStop()) event.preventDefault();
        return;
      }
      const isLetter = event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.metaKey && !event.altKey;
      if (isLetter && !isWritten(event.target)) field()?.focus();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
}

const isWritten = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches('input, textarea, select'));
