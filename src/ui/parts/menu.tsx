// A menu of actions behind a button.
import { Menu as Base } from '@base-ui/react/menu';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'wouter';

export interface MenuAction {
  readonly label: string;
  readonly icon?: ReactNode;
  readonly onSelect?: () => void;
  /** In place of `onSelect`: a page below /ui. */
  readonly to?: string;
  readonly isDanger?: boolean;
  readonly isDisabled?: boolean;
}

interface MenuProps {
  /** The button; it must have a name. */
  readonly trigger: ReactElement;
  /** `null`: a line between groups. */
  readonly actions: readonly (MenuAction | null)[];
}

export function Menu({ trigger, actions }: MenuProps) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={4} align="end" className="layer-top">
          <Base.Popup className="menu">
            {actions.map((action, index) =>
              action === null ? (
                <Base.Separator key={`line-${actions[index - 1]?.label ?? index}`} className="menu-line" />
              ) : (
                <Base.Item
                  key={action.label}
                  className={action.isDanger === true ? 'menu-item menu-item-danger' : 'menu-item'}
                  disabled={action.isDisabled ?? false}
                  {...(action.onSelect === undefined ? {} : { onClick: action.onSelect })}
                  {...(action.to === undefined ? {} : { render: <Link href={action.to} /> })}
                >
                  {action.icon}
                  {action.label}
                </Base.Item>
              ),
            )}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
