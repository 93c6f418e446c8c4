// Buttons, and links that look like them. One that is busy keeps its width and cannot be pressed twice.
import { LoaderCircle } from 'lucide-react';
import type { ComponentProps, ReactNode } from 'react';
import { Link } from 'wouter';
import { Tip } from './tooltip.tsx';

export type ButtonTone = 'primary' | 'plain' | 'ghost' | 'danger';

interface Look {
  readonly tone?: ButtonTone | undefined;
  readonly isSmall?: boolean | undefined;
  readonly icon?: ReactNode;
}

export interface ButtonProps extends Look, Omit<ComponentProps<'button'>, 'type'> {
  readonly isBusy?: boolean | undefined;
  readonly type?: 'button' | 'submit';
}

const classOf = ({ tone = 'plain', isSmall = false }: Look, extra: string | undefined): string =>
  ['button', `button-${tone}`, isSmall ? 'button-small' : '', extra ?? ''].filter(Boolean).join(' ');

export function Button({ tone, isSmall, icon, isBusy = false, className, children, onClick, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={classOf({ tone, isSmall }, className)}
      aria-busy={isBusy || undefined}
      aria-disabled={isBusy || undefined}
      onClick={isBusy ? (event) => event.preventDefault() : onClick}
    >
      {isBusy ? <LoaderCircle className="spin" size={16} aria-hidden /> : icon}
      {children}
    </button>
  );
}

export interface IconButtonProps extends Omit<ButtonProps, 'children' | 'icon'> {
  /** What it does, for those who see no icon, and as its tooltip. */
  readonly label: string;
  readonly children: ReactNode;
}

export function IconButton({ label, children, className, tone = 'ghost', ...rest }: IconButtonProps) {
  return (
    <Tip text={label}>
      <Button {...rest} tone={tone} aria-label={label} className={`button-icon ${className ?? ''}`}>
        {children}
      </Button>
    </Tip>
  );
}

interface ButtonLinkProps extends Look {
  /** Within the page, below /ui. */
  readonly to: string;
  readonly children: ReactNode;
  readonly className?: string;
}

export function ButtonLink({ tone, isSmall, icon, to, className, children }: ButtonLinkProps) {
  return (
    <Link href={to} className={classOf({ tone, isSmall }, className)}>
      {icon}
      {children}
    </Link>
  );
}
