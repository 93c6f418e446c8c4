// What is shown while something loads, where there is nothing, and when something failed: with the reason and a way out.
import type { UseQueryResult } from '@tanstack/react-query';
import { CircleAlert, RotateCw } from 'lucide-react';
import type { ReactNode } from 'react';
import { isApiError } from '../api/client.ts';
import { texts } from '../texts/index.ts';
import { Button } from './button.tsx';

/** Keeps the place of what is coming; `lines` of text, or a block of `height` pixels. */
export function Skeleton({ lines = 1, height }: { readonly lines?: number; readonly height?: number }) {
  return (
    <div className="skeleton" role="status" aria-label={texts.parts.loading}>
      {height === undefined ? (
        Array.from({ length: lines }, (_, index) => `line ${index}`).map((key) => (
          <span key={key} className="skeleton-line" aria-hidden />
        ))
      ) : (
        <span className="skeleton-block" style={{ height }} aria-hidden />
      )}
    </div>
  );
}

interface EmptyProps {
  readonly icon?: ReactNode;
  readonly title: ReactNode;
  readonly text?: ReactNode;
  readonly actions?: ReactNode;
}

export function EmptyState({ icon, title, text, actions }: EmptyProps) {
  return (
    <div className="empty">
      {icon !== undefined && (
        <span className="empty-icon" aria-hidden>
          {icon}
        </span>
      )}
      <p className="empty-title">{title}</p>
      {text !== undefined && <p className="dim">{text}</p>}
      {actions !== undefined && <div className="empty-actions">{actions}</div>}
    </div>
  );
}

/** What went wrong and the next step, of anything that was thrown. */
export function reasonOf(thrown: unknown): { readonly message: string; readonly hint: string | null } {
  if (isApiError(thrown)) {
    const { scope } = thrown.details;
    if (thrown.status === 403 && typeof scope === 'string') {
      return { message: texts.parts.forbidden(scope), hint: texts.parts.forbiddenHint };
    }
    return { message: thrown.message, hint: thrown.hint };
  }
  return { message: thrown instanceof Error ? thrown.message : String(thrown), hint: null };
}

/** The same in one line. */
export function errorText(thrown: unknown): string {
  const { message, hint } = reasonOf(thrown);
  return hint === null ? message : `${message} ${hint}`;
}

interface ErrorStateProps {
  readonly error: unknown;
  readonly onRetry?: (() => void) | undefined;
  readonly isBusy?: boolean;
}

export function ErrorState({ error, onRetry, isBusy = false }: ErrorStateProps) {
  const { message, hint } = reasonOf(error);
  return (
    <div className="failure" role="alert">
      <CircleAlert size={18} aria-hidden />
      <div>
        <p>{message}</p>
        {hint !== null && <p className="dim">{hint}</p>}
        {onRetry !== undefined && (
          <Button isSmall isBusy={isBusy} icon={<RotateCw size={14} aria-hidden />} onClick={onRetry}>
            {texts.parts.tryAgain}
          </Button>
        )}
      </div>
    </div>
  );
}

interface LoadedProps<T> {
  readonly query: UseQueryResult<T>;
  /** What keeps the place while it loads. */
  readonly skeleton?: ReactNode;
  readonly children: (data: T) => ReactNode;
}

/** The data of a query, or why there is none. Data that is there stays while newer is asked for, or cannot be had. */
export function Loaded<T>({ query, skeleton = <Skeleton lines={3} />, children }: LoadedProps<T>) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isError) {
    return <ErrorState error={query.error} onRetry={() => void query.refetch()} isBusy={query.isFetching} />;
  }
  return <>{skeleton}</>;
}
