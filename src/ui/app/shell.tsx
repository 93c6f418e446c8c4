// The frame around every page: navigation at the side (behind a button where it is narrow), banners, the page itself.
import { Menu as MenuIcon, Search, X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { ButtonLink, IconButton } from '../parts/button.tsx';
import { code, OnDemand } from '../parts/on-demand.tsx';
import { PageHeader } from '../parts/page-header.tsx';
import { EmptyState, Skeleton } from '../parts/states.tsx';
import { toast } from '../parts/toast.tsx';
import { texts } from '../texts/index.ts';
import { Banner } from './banner.tsx';
import { PageBoundary } from './boundary.tsx';
import { useDrawer } from './drawer.ts';
import { Navigation } from './navigation.tsx';
import { ROUTES } from './routes.ts';

const palette = code(async () => (await import('./palette.tsx')).Palette);

export function Shell() {
  const { isOpen, setOpen, side, opener } = useDrawer();
  const [isPaletteOpen, setPaletteOpen] = useState(false);
  const [location] = useLocation();
  usePaletteKey(() => setPaletteOpen((is) => !is));
  const page = useRef<HTMLElement>(null);
  const place = location.split('/')[1] ?? '';
  const isFirst = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: going elsewhere is what it is about.
  useEffect(() => {
    setOpen(false);
    // The first page has the focus where the browser put it; later ones begin at their beginning.
    if (!isFirst.current) page.current?.focus({ preventScroll: true });
    isFirst.current = false;
  }, [place]);
  const openPalette = (): void => {
    setOpen(false);
    setPaletteOpen(true);
  };
  const noPalette = (): void => {
    setPaletteOpen(false);
    const { title, text, action } = texts.app.pageFailed;
    toast({ tone: 'bad', title, text, action: { label: action, onSelect: () => globalThis.location.reload() } });
  };
  const isWhole = ROUTES.find((route) => route.home === `/${place}`)?.isWhole === true;
  return (
    <div className={isWhole ? 'shell shell-whole' : 'shell'}>
      <a className="skip" href="#content" inert={isOpen}>
        {texts.app.skip}
      </a>
      <header className="topbar" inert={isOpen}>
        <IconButton
          ref={opener}
          label={isOpen ? texts.app.closeNavigation : texts.app.openNavigation}
          aria-expanded={isOpen}
          aria-controls="side"
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen ? <X size={20} aria-hidden /> : <MenuIcon size={20} aria-hidden />}
        </IconButton>
        <span className="topbar-title">
          {texts.app.pages[ROUTES.find(({ home }) => home === `/${place}`)?.id ?? 'home']}
        </span>
        <IconButton label={texts.app.palette.open} onClick={openPalette}>
          <Search size={18} aria-hidden />
        </IconButton>
      </header>
      <aside id="side" ref={side} className={isOpen ? 'side side-open' : 'side'}>
        <Navigation onPalette={openPalette} onGo={() => setOpen(false)} />
      </aside>
      {isOpen && <div className="side-veil" onClick={() => setOpen(false)} aria-hidden />}
      <main id="content" ref={page} tabIndex={-1} className="content" inert={isOpen}>
        <Banner />
        <PageBoundary key={place}>
          <Switch>
            {ROUTES.map(({ id, path, page }) => (
              <Route key={id} path={path}>
                <OnDemand code={page} place={<Skeleton lines={4} />}>
                  {(Page) => <Page />}
                </OnDemand>
              </Route>
            ))}
            <Route>
              <NotFound />
            </Route>
          </Switch>
        </PageBoundary>
      </main>
      {isPaletteOpen && (
        <OnDemand code={palette} onFailure={noPalette}>
          {(Palette) => <Palette onClose={() => setPaletteOpen(false)} />}
        </OnDemand>
      )}
    </div>
  );
}

function NotFound() {
  const { title, text, action } = texts.app.notFound;
  return (
    <>
      <PageHeader title={title} />
      <EmptyState title={text} actions={<ButtonLink to="/">{action}</ButtonLink>} />
    </>
  );
}

function usePaletteKey(toggle: () => void): void {
  const latest = useRef(toggle);
  latest.current = toggle;
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 'k' || event.altKey || event.shiftKey) return;
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      latest.current();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
}
