// The head of a page: its one first heading, a sentence, and what can be done. It names the tab too.
import { type ReactNode, useEffect } from 'react';
import { texts } from '../texts/index.ts';

interface PageHeaderProps {
  readonly title: string;
  readonly text?: ReactNode;
  readonly actions?: ReactNode;
  /** What the tab is called where that is not the title. */
  readonly tabTitle?: string;
}

export function useTabTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · ${texts.app.name}`;
  }, [title]);
}

export function PageHeader({ title, text, actions, tabTitle }: PageHeaderProps) {
  useTabTitle(tabTitle ?? title);
  return (
    <header className="page-head">
      <div className="page-title">
        <h1>{title}</h1>
        {text !== undefined && <p className="dim">{text}</p>}
      </div>
      {actions !== undefined && <div className="page-actions">{actions}</div>}
    </header>
  );
}
