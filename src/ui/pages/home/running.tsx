// The models at work, each with what it does and what can be done with it; and where there is none, some to begin with.
import { Boxes } from 'lucide-react';
import { isChatModel, useInstances, useModels, useUsage } from '../../api/queries.ts';
import { useNow } from '../../app/clock.ts';
import { useMachineSample } from '../../app/live.ts';
import { ButtonLink } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { EmptyState, Loaded, Skeleton } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import { atWork } from './course.ts';
import { LoadButton } from './load-button.tsx';
import { RunningRow } from './running-row.tsx';

const OFFERED = 4;

export function Running() {
  const { running } = texts.home;
  const query = useInstances();
  const { data: usage } = useUsage();
  const sample = useMachineSample();
  const now = useNow(1000);
  return (
    <Card title={running.title} className="home-running">
      <Loaded query={query} skeleton={<Skeleton height={96} />}>
        {(instances) => {
          const shown = atWork(instances);
          if (shown.length === 0) return <Nothing />;
          return (
            <ul className="home-rows">
              {shown.map((instance) => (
                <RunningRow
                  key={instance.modelId}
                  instance={instance}
                  now={now}
                  tokensPerSecond={
                    sample?.instances.find(({ modelId }) => modelId === instance.modelId)?.tokensPerSecond ??
                    usage?.models.find(({ modelId }) => modelId === instance.modelId)?.lastTokensPerSecond ??
                    null
                  }
                />
              ))}
            </ul>
          );
        }}
      </Loaded>
    </Card>
  );
}

function Nothing() {
  const { running, getModels } = texts.home;
  const query = useModels();
  return (
    <Loaded query={query} skeleton={<Skeleton height={96} />}>
      {(models) => {
        const usable = models.filter(isChatModel);
        if (usable.length === 0) {
          return (
            <EmptyState
              icon={<Boxes size={26} />}
              title={running.noModels}
              text={running.noModelsText}
              actions={
                <ButtonLink to="/get" tone="primary">
                  {getModels}
                </ButtonLink>
              }
            />
          );
        }
        return (
          <>
            <div>
              <p className="home-strong">{running.none}</p>
              <p className="dim small">{running.noneText}</p>
            </div>
            <ul className="home-offered">
              {usable.slice(0, OFFERED).map((model) => (
                <li key={model.id}>
                  <span className="truncate" title={model.id}>
                    {model.id}
                  </span>
                  <span className="row">
                    <LoadButton model={model.id} text={running.loadNow} />
                    <ButtonLink to={`/chat?model=${encodeURIComponent(model.id)}`} isSmall>
                      <span className="only-read">{running.chatWith(model.id)}</span>
                      <span aria-hidden>{texts.home.chat}</span>
                    </ButtonLink>
                  </span>
                </li>
              ))}
            </ul>
            {usable.length > OFFERED && (
              <ButtonLink to="/models" isSmall tone="ghost" className="home-more">
                {running.moreModels}
              </ButtonLink>
            )}
          </>
        );
      }}
    </Loaded>
  );
}
