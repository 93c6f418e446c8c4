// The links to all pages, with the state of the connection below them.
import { Search } from 'lucide-react';
import { Link, useLocation } from 'wouter';
import { useStatus } from '../api/queries.ts';
import { texts } from '../texts/index.ts';
import { DownloadIndicator } from './download-indicator.tsx';
import { useLiveState } from './live.ts';
import { ROUTES } from './routes.ts';

interface NavigationProps {
  readonly onPalette: () => void;
  /** Called when a link was followed. */
  readonly onGo?: () => void;
}

export function Navigation({ onPalette, onGo }: NavigationProps) {
  const [location] = useLocation();
  const isCurrent = (home: string): boolean =>
    home === '/' ? location === '/' : location === home || location.startsWith(`${home}/`);
  return (
    <>
      <Link href="/" className="brand" onClick={onGo}>
        <img src="/docs/favicon.svg" width="26" height="26" alt="" />
        <span>{texts.app.name}</span>
      </Link>
      <button type="button" className="palette-open" onClick={onPalette}>
        <Search size={15} aria-hidden />
        <span>{texts.app.palette.open}</span>
        <kbd>{isMac() ? '⌘K' : 'Ctrl K'}</kbd>
      </button>
      <nav aria-label={texts.app.navigation} className="navigation">
        {ROUTES.filter((route) => route.isInNavigation).map(({ id, home, icon: Icon, page }) => (
          <Link
            key={id}
            href={home}
            className="navigation-link"
            aria-current={isCurrent(home) ? 'page' : undefined}
            onClick={onGo}
            onPointerEnter={() => void page.load().catch(() => undefined)}
          >
            <Icon size={18} aria-hidden />
            {texts.app.pages[id]}
          </Link>
        ))}
      </nav>
      <div className="navigation-foot">
        <DownloadIndicator />
        <ConnectionState />
      </div>
    </>
  );
}

function ConnectionState() {
  const state = useLiveState();
  const { data } = useStatus();
  return (
    <p className={`connection connection-${state}`} role="status">
      <span className="connection-dot" aria-hidden />
      <span>{texts.app.state[state]}</span>
      {data !== undefined && <span className="dim connection-version">{texts.app.state.version(data.version)}</span>}
    </p>
  );
}

const isMac = (): boolean => /Mac|iP(hone|ad)/.test(navigator.platform);
