// The first visit: an engine, a model, a chat. What is there decides where it stands; every failure says its way out.
import { useState } from 'react';
import { useLocation } from 'wouter';
import { useDownloads, useModels, useVisit } from '../../api/queries.ts';
import { skipSetup } from '../../app/first-visit.ts';
import { Button } from '../../parts/button.tsx';
import { PageHeader } from '../../parts/page-header.tsx';
import { ErrorState } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import { ChatStep } from './chat-step.tsx';
import { EngineStep } from './engine-step.tsx';
import { ModelsStep } from './models-step.tsx';
import { chatModels, chosenOf, stepsOf } from './steps.ts';

export function SetupPage() {
  const { setup } = texts;
  const visit = useVisit();
  const { data: models = [] } = useModels();
  const { data: downloads = [] } = useDownloads();
  const [choice, setChoice] = useState<string | null>(null);
  const [, go] = useLocation();
  const usable = chatModels(models, visit.data?.probeId ?? null);
  const steps = stepsOf(visit.data, usable.length);
  const chosen = chosenOf(choice, usable, downloads);
  const skip = (): void => {
    skipSetup();
    go('/');
  };
  return (
    <div className="setup">
      <PageHeader
        title={setup.title}
        text={setup.text}
        actions={
          <Button tone="ghost" onClick={skip}>
            {setup.skip}
          </Button>
        }
      />
      {visit.isError && visit.data === undefined && (
        <ErrorState error={visit.error} onRetry={() => void visit.refetch()} isBusy={visit.isFetching} />
      )}
      <ol className="setup-steps">
        <EngineStep state={steps.engine} visit={visit.data} />
        <ModelsStep
          state={steps.models}
          usable={usable}
          broken={models.filter(({ failure }) => failure !== null)}
          downloads={downloads}
          chosen={chosen}
          onChoose={setChoice}
        />
        <ChatStep state={steps.chat} hasEngine={steps.engine === 'done'} model={chosen} />
      </ol>
    </div>
  );
}
