// The navigation where it is narrow, which lies over the page: it takes the focus, Escape closes it, and the focus goes back
// to the button that opened it.
import { type RefObject, useEffect, useRef, useState } from 'react';

interface Drawer {
  readonly isOpen: boolean;
  readonly setOpen: (isOpen: boolean) => void;
  readonly side: RefObject<HTMLElement | null>;
  readonly opener: RefObject<HTMLButtonElement | null>;
}

/** As in the page's style. */
const NARROW = '(max-width: 900px)';

export function useDrawer(): Drawer {
  const [isOpen, setOpen] = useState(false);
  const side = useRef<HTMLElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!isOpen) return undefined;
    const button = opener.current;
    const narrow = matchMedia(NARROW);
    const close = (): void => setOpen(false);
    const pressed = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') close();
    };
    side.current?.querySelector('a')?.focus();
    addEventListener('keydown', pressed);
    narrow.addEventListener('change', close);
    return () => {
      removeEventListener('keydown', pressed);
      narrow.removeEventListener('change', close);
      button?.focus();
    };
  }, [isOpen]);
  return { isOpen, setOpen, side, opener };
}
