// A framed part of a page with its heading and actions.
import { type ReactNode, useId } from 'react';

interface CardProps {
  readonly title?: ReactNode;
  readonly text?: ReactNode;
  readonly actions?: ReactNode;
  readonly children?: ReactNode;
  readonly className?: string;
  /** The level of its heading; 2 unless it lies in another card. */
  readonly level?: 2 | 3;
}

export function Card({ title, text, actions, children, className = '', level = 2 }: CardProps) {
  const id = useId();
  const Heading = level === 2 ? 'h2' : 'h3';
  const isNamed = title !== undefined;
  return (
    <section className={`card ${className}`} aria-labelledby={isNamed ? id : undefined}>
      {(isNamed || actions !== undefined) && (
        <header className="card-head">
          <div className="card-title">
            {isNamed && <Heading id={id}>{title}</Heading>}
            {text !== undefined && <p className="dim">{text}</p>}
          </div>
          {actions !== undefined && <div className="card-actions">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  );
}
