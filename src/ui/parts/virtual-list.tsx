// A long list of which only what is seen is there: thousands of lines scroll like ten.
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useLayoutEffect, useRef } from 'react';

interface VirtualListProps {
  readonly label: string;
  readonly count: number;
  /** Pixels, before a row has been measured. */
  readonly estimatedHeight: number;
  readonly keyOf: (index: number) => string | number;
  readonly row: (index: number) => ReactNode;
  /** True: stays at the end as it grows, until the reader scrolls up. */
  readonly isFollowing?: boolean;
  readonly onFollowingChange?: (isFollowing: boolean) => void;
  readonly className?: string;
  /** Above the first row, scrolled with them. */
  readonly head?: ReactNode;
}

/** As near to the end as counts as being there. */
const END_PX = 24;

export function VirtualList(props: VirtualListProps) {
  const {
    label,
    count,
    estimatedHeight,
    keyOf,
    row,
    isFollowing = false,
    onFollowingChange,
    className = '',
    head = null,
  } = props;
  const frame = useRef<HTMLElement>(null);
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => frame.current,
    estimateSize: () => estimatedHeight,
    getItemKey: keyOf,
    overscan: 12,
  });
  const total = virtual.getTotalSize();
  const firstKey = count === 0 ? null : keyOf(0);
  const first = useRef(firstKey);
  // Rows that come before the first one must not push away what is looked at.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another first row is what it is about.
  useLayoutEffect(() => {
    const former = first.current;
    first.current = firstKey;
    if (former === null || former === firstKey || isFollowing || frame.current === null) return;
    for (let index = 1; index < count; index += 1) {
      if (keyOf(index) !== former) continue;
      frame.current.scrollTop += virtual.measurementsCache[index]?.start ?? index * estimatedHeight;
      return;
    }
  }, [firstKey]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: its height is what may have to be followed.
  useEffect(() => {
    if (isFollowing && frame.current !== null) frame.current.scrollTop = frame.current.scrollHeight;
  }, [isFollowing, count, total]);
  const scrolled = (): void => {
    const { current } = frame;
    if (current === null || onFollowingChange === undefined) return;
    const isAtEnd = current.scrollHeight - current.scrollTop - current.clientHeight < END_PX;
    if (isAtEnd !== isFollowing) onFollowingChange(isAtEnd);
  };
  return (
    <section ref={frame} className={`virtual ${className}`} onScroll={scrolled} tabIndex={0} aria-label={label}>
      {head}
      <div className="virtual-whole" style={{ height: total }}>
        {virtual.getVirtualItems().map((item) => (
          <div
            key={item.key}
            ref={virtual.measureElement}
            data-index={item.index}
            className="virtual-row"
            style={{ transform: `translateY(${item.start}px)` }}
          >
            {row(item.index)}
          </div>
        ))}
      </div>
    </section>
  );
}
