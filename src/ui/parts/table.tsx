// A table that scrolls sideways within its own frame where the page is narrow.
import type { ReactNode } from 'react';

interface TableProps {
  readonly label: string;
  readonly head: readonly ReactNode[];
  /** Rows, each a `<tr>`. */
  readonly children: ReactNode;
  readonly className?: string;
}

export function Table({ label, head, children, className = '' }: TableProps) {
  return (
    // What scrolls must be reachable by keyboard, and then it needs a name.
    <section className="table-frame" tabIndex={0} aria-label={label}>
      <table className={`table ${className}`}>
        <thead>
          <tr>
            {head.map((cell, index) => (
              <th key={typeof cell === 'string' ? cell : `column ${index}`} scope="col">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

/** Names and values, one below the other. */
export function Facts({ items }: { readonly items: readonly (readonly [name: ReactNode, value: ReactNode])[] }) {
  return (
    <dl className="facts">
      {items.map(([name, value], index) => (
        <div key={typeof name === 'string' ? name : `fact ${index}`} className="facts-item">
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
