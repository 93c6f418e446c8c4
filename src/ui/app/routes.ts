// The pages, each of which comes when somebody goes there. One table: navigation, palette and router read it.
import {
  Blocks,
  Boxes,
  Download,
  Gauge,
  House,
  type LucideIcon,
  MessageSquare,
  ScrollText,
  Settings,
  Sparkles,
} from 'lucide-react';
import type { ComponentType } from 'react';
import { type Code, code } from '../parts/on-demand.tsx';
import type { texts } from '../texts/index.ts';

export interface PageRoute {
  readonly id: keyof typeof texts.app.pages;
  /** Below /ui; `*` takes what follows, as the page's own. */
  readonly path: string;
  /** Where its link leads. */
  readonly home: string;
  readonly icon: LucideIcon;
  readonly page: Code<ComponentType>;
  readonly isInNavigation: boolean;
  /** The page fills the window and scrolls within itself. */
  readonly isWhole?: boolean;
}

type Loaded = Record<string, ComponentType>;

function route(
  id: PageRoute['id'],
  icon: LucideIcon,
  paths: readonly [home: string, path: string],
  load: () => Promise<Loaded>,
  look: Pick<PageRoute, 'isWhole'> & { readonly isHidden?: boolean } = {},
): PageRoute {
  const page = code(async () => {
    const found = Object.values(await load()).find((one) => typeof one === 'function');
    if (found === undefined) throw new Error(`the page ${id} has no component`);
    return found;
  });
  return {
    id,
    icon,
    home: paths[0],
    path: paths[1],
    page,
    isInNavigation: look.isHidden !== true,
    isWhole: look.isWhole ?? false,
  };
}

export const ROUTES: readonly PageRoute[] = [
  route('home', House, ['/', '/'], () => import('../pages/home/page.tsx')),
  route('setup', Sparkles, ['/setup', '/setup'], () => import('../pages/setup/page.tsx'), { isHidden: true }),
  route('chat', MessageSquare, ['/chat', '/chat/*?'], () => import('../pages/chat/page.tsx'), { isWhole: true }),
  route('models', Boxes, ['/models', '/models/*?'], () => import('../pages/models/page.tsx')),
  route('get', Download, ['/get', '/get/*?'], () => import('../pages/get/page.tsx')),
  route('instances', ScrollText, ['/instances', '/instances/*?'], () => import('../pages/instances/page.tsx')),
  route('bench', Gauge, ['/bench', '/bench/*?'], () => import('../pages/bench/page.tsx')),
  route('api', Blocks, ['/api', '/api'], () => import('../pages/api/page.tsx')),
  route('settings', Settings, ['/settings', '/settings/*?'], () => import('../pages/settings/page.tsx')),
];
