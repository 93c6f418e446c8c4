// Where the page begins: it connects, asks for a key where one is needed, and shows the frame with its pages.
import { CSPProvider } from '@base-ui/react/csp-provider';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Router } from 'wouter';
import { onRefused } from './api/client.ts';
import { keptKey, onKeyChange } from './api/key.ts';
import { queryClient } from './api/queries.ts';
import { reconnect, runLive } from './app/live.ts';
import { Login } from './app/login.tsx';
import { Shell } from './app/shell.tsx';
import { Toasts } from './parts/toast.tsx';
import { TipProvider } from './parts/tooltip.tsx';

function App() {
  const [login, setLogin] = useState<'none' | 'asked' | 'refused'>('none');
  useEffect(() => {
    onRefused(() => setLogin(keptKey() === null ? 'asked' : 'refused'));
    return onKeyChange(() => {
      queryClient.clear();
      reconnect(true);
    });
  }, []);
  if (login !== 'none') return <Login wasRefused={login === 'refused'} onDone={() => setLogin('none')} />;
  return <Shell />;
}

const place = document.getElementById('page');
if (place === null) throw new Error('the page has no place for itself');
createRoot(place).render(
  <StrictMode>
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queryClient}>
        <TipProvider delay={400}>
          <Router base="/ui">
            <App />
          </Router>
          <Toasts />
        </TipProvider>
      </QueryClientProvider>
    </CSPProvider>
  </StrictMode>,
);
void runLive();
