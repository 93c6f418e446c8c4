// What comes when it is first shown, or ahead of that. It is there the moment its code is: Suspense would hold it back until
// what keeps its place has stood for 300 ms, and put that there even for code that has come already.
import { type ReactNode, useLayoutEffect, useState } from 'react';

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
  readonly children: (known: T) => ReactNode;
}

/** A failure is thrown on, to the boundary around it. */
export function OnDemand<T>({ code, place = null, children }: OnDemandProps<T>) {
  const [failure, setFailure] = useState<{ readonly thrown: unknown } | null>(null);
  const [, setCome] = useState(false);
  useLayoutEffect(() => {
    if (code.known() !== null) return;
    let isLeft = false;
    code.load().then(
      () => isLeft || setCome(true),
      (thrown) => isLeft || setFailure({ thrown }),
    );
    return () => {
      isLeft = true;
    };
  }, [code]);
  if (failure !== null) throw failure.thrown;
  const known = code.known();
  return known === null ? place : children(known);
}
