// Keeps a reader at the end while it grows, until they scroll up, and lets them come back.
import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';

/** As near to the end as counts as being there. */
const END_PX = 32;

interface Scrolling {
  readonly frame: RefObject<HTMLElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  readonly isAtEnd: boolean;
  readonly toEnd: () => void;
}

/** `place` is what is read: another one is begun at its end. */
export function useScrolling(place: string | null): Scrolling {
  const frame = useRef<HTMLElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const isFollowing = useRef(true);
  const [isAtEnd, setAtEnd] = useState(true);
  const toEnd = useCallback(() => {
    isFollowing.current = true;
    setAtEnd(true);
    const { current } = frame;
    if (current !== null) current.scrollTop = current.scrollHeight;
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: going to another chat is what it is about.
  useEffect(toEnd, [place, toEnd]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another chat may have other elements.
  useEffect(() => {
    const { current } = frame;
    const { current: inner } = content;
    if (current === null || inner === null) return undefined;
    let lastTop = current.scrollTop;
    let lastHeight = current.scrollHeight;
    const set = (is: boolean): void => {
      isFollowing.current = is;
      setAtEnd(is);
    };
    const scrolled = (): void => {
      const { scrollTop, scrollHeight, clientHeight } = current;
      const isNear = scrollHeight - scrollTop - clientHeight < END_PX;
      // Up by the reader, not because something became shorter.
      if (scrollTop < lastTop - 1 && scrollHeight >= lastHeight && !isNear) set(false);
      else if (isNear && scrollTop >= lastTop) set(true);
      lastTop = scrollTop;
      lastHeight = scrollHeight;
    };
    const wheeled = (event: WheelEvent): void => {
      if (event.deltaY < 0 && current.scrollTop > 0) set(false);
    };
    const resized = new ResizeObserver(() => {
      if (isFollowing.current) current.scrollTop = current.scrollHeight;
      else setAtEnd(current.scrollHeight - current.scrollTop - current.clientHeight < END_PX);
    });
    resized.observe(inner);
    resized.observe(current);
    current.addEventListener('scroll', scrolled, { passive: true });
    current.addEventListener('wheel', wheeled, { passive: true });
    return () => {
      resized.disconnect();
      current.removeEventListener('scroll', scrolled);
      current.removeEventListener('wheel', wheeled);
    };
  }, [place]);
  return { frame, content, isAtEnd, toEnd };
}
