// The navigation where it is narrow: open over the page, left by Escape, gone where there is room for both.
import { useEffect, useState } from 'react';

/** As in `app.css`. */
const IS_WIDE = '(min-width: 901px)';
const OPENER = '[aria-controls=side]';

export interface Drawer {
  readonly isOpen: boolean;
  readonly setOpen: (isOpen: boolean) => void;
}

export function useDrawer(): Drawer {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    if (!isOpen) return;
    const close = (): void => setOpen(false);
    const pressed = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape' || event.defaultPrevented) return;
      close();
      document.querySelector<HTMLElement>(OPENER)?.focus();
    };
    const wide = matchMedia(IS_WIDE);
    wide.addEventListener('change', close);
    document.addEventListener('keydown', pressed);
    return () => {
      wide.removeEventListener('change', close);
      document.removeEventListener('keydown', pressed);
    };
  }, [isOpen]);
  return { isOpen, setOpen };
}
