// What comes when it is first shown, or ahead of that. It is there the moment its code is: Suspense would hold it back until
// what keeps its place has stood for 300 ms, and put that there even for code that has come already.
import { type ReactNode, useLayoutEffect, useRef, useState } from 'react';

export interface Code<T> {
  /** Null until it has come. */
  readonly known: () => T | null;
  /** Fetches it, once; rejects where that fails, and may then be tried again. */
  readonly load: () => Promise<T>;
}

export function code<T>(bring: () => Promise<T>): Code<T> {
  let known: T | null = null;
  let coming: Promise<T> | null = null;
  const fetchAnew = async (): Promise<T> => {
    try {
      known = await bring();
      return known;
    } catch (thrown) {
      coming = null;
      throw thrown;
    }
  };
  return {
    known: () => known,
    load: () => {
      coming ??= fetchAnew();
      return coming;
    },
  };
}

interface OnDemandProps<T> {
  readonly code: Code<T>;
  /** Shown until it has come. */
  readonly place?: ReactNode;
  /** Told why it cannot be had; without it that is thrown, to the boundary around. */
  readonly onFailure?: (thrown: unknown) => void;
  readonly children: (known: T) => ReactNode;
}

export function OnDemand<T>({ code, place = null, onFailure, children }: OnDemandProps<T>) {
  const [failure, setFailure] = useState<{ readonly thrown: unknown } | null>(null);
  const [, setCome] = useState(false);
  const fail = useRef(onFailure);
  fail.current = onFailure;
  useLayoutEffect(() => {
    if (code.known() !== null) return;
    let isLeft = false;
    code.load().then(
      () => isLeft || setCome(true),
      (thrown) => {
        if (isLeft) return;
        if (fail.current === undefined) setFailure({ thrown });
        else fail.current(thrown);
      },
    );
    return () => {
      isLeft = true;
    };
  }, [code]);
  if (failure !== null) throw failure.thrown;
  const known = code.known();
  return known === null ? place : children(known);
}
