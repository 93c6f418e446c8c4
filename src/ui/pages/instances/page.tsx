// The page "Instances & logs": what runs, and what it says.
import { Square } from 'lucide-react';
import { useState } from 'react';
import { useLocation, useParams } from 'wouter';
import { useInstances, useModels } from '../../api/queries.ts';
import { stopAllModels } from '../../app/model-actions.ts';
import { Button, ButtonLink } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { Notice } from '../../parts/notice.tsx';
import { PageHeader } from '../../parts/page-header.tsx';
import { EmptyState, Loaded, Skeleton } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import { InstanceTable } from './instance-table.tsx';
import { LogPanel } from './log-panel.tsx';

const words = texts.instances;

export function InstancesPage() {
  const query = useInstances();
  const { data: models = [] } = useModels();
  const [, go] = useLocation();
  const params = useParams<{ readonly '*'?: string }>();
  const [isStopping, setStopping] = useState(false);
  const asked = params['*'] ?? '';
  const model = asked === '' ? null : decodeURIComponent(asked);
  const choose = (next: string | null): void =>
    go(next === null ? '/instances' : `/instances/${encodeURIComponent(next)}`, { replace: true });
  const names = [...new Set([...models.map(({ id }) => id), ...(model === null ? [] : [model])])];
  const isRunning = query.data?.some(({ state }) => state === 'ready' || state === 'starting') === true;
  return (
    <div className="instances-page column page-column">
      <PageHeader
        title={texts.app.pages.instances}
        text={words.text}
        actions={
          <Button
            tone="danger"
            disabled={!isRunning}
            icon={<Square size={14} aria-hidden />}
            onClick={() => setStopping(true)}
          >
            {words.stopAll}
          </Button>
        }
      />
      <Card title={words.title}>
        <Loaded query={query} skeleton={<Skeleton height={96} />}>
          {(instances) => {
            const shown = instances.filter(({ state }) => state !== 'stopped');
            return shown.length === 0 ? (
              <EmptyState
                title={words.none.title}
                text={words.none.text}
                actions={<ButtonLink to="/models">{texts.app.pages.models}</ButtonLink>}
              />
            ) : (
              <>
                {shown
                  .filter(({ failure }) => failure !== null)
                  .map(({ modelId, failure }) => (
                    <Notice key={modelId} tone="bad" title={modelId} text={failure} />
                  ))}
                <InstanceTable instances={shown} onLogs={choose} />
              </>
            );
          }}
        </Loaded>
      </Card>
      <LogPanel models={names} model={model} onModel={choose} />
      <ConfirmDialog
        isOpen={isStopping}
        onClose={() => setStopping(false)}
        title={words.stopAllTitle}
        text={words.stopAllText}
        action={words.stopAll}
        onConfirm={stopAllModels}
      />
    </div>
  );
}
