// Home: how things are in one sentence, what is at work, who holds the memory, what is wrong, and how to use it. Where there
// is no engine or no model, it leads to the set-up first.
import { Download, MessageSquare } from 'lucide-react';
import { useEffect } from 'react';
import { useLocation } from 'wouter';
import { isChatModel, useDoctor, useInstances, useModels, useStatus, useVisit } from '../../api/queries.ts';
import { isSetupSkipped } from '../../app/first-visit.ts';
import { ButtonLink } from '../../parts/button.tsx';
import { Notice } from '../../parts/notice.tsx';
import { PageHeader } from '../../parts/page-header.tsx';
import { texts } from '../../texts/index.ts';
import { Activity } from './activity.tsx';
import { Connect } from './connect.tsx';
import { headlineOf } from './headline.ts';
import { Health } from './health.tsx';
import { Machine } from './machine.tsx';
import { Memory } from './memory-card.tsx';
import { Running } from './running.tsx';
import { ServerFacts } from './server-facts.tsx';

export function HomePage() {
  const { first, chat, getModels } = texts.home;
  const { data: visit } = useVisit();
  const [, go] = useLocation();
  const isFirst = visit?.isFirst === true;
  useEffect(() => {
    if (isFirst && !isSetupSkipped()) go('/setup', { replace: true });
  }, [isFirst, go]);
  return (
    <>
      <PageHeader
        title={texts.app.pages.home}
        text={<HeadlineText />}
        actions={
          <>
            <ButtonLink to="/get" icon={<Download size={16} aria-hidden />}>
              {getModels}
            </ButtonLink>
            <ButtonLink to="/chat" tone="primary" icon={<MessageSquare size={16} aria-hidden />}>
              {chat}
            </ButtonLink>
          </>
        }
      />
      {isFirst && (
        <div className="home-first">
          <Notice
            tone="accent"
            title={first.title}
            text={first.text}
            actions={
              <ButtonLink to="/setup" isSmall tone="primary">
                {first.action}
              </ButtonLink>
            }
          />
        </div>
      )}
      <div className="home-grid">
        <div className="home-main">
          <Running />
          <Activity />
          <Machine />
        </div>
        <div className="home-beside">
          <Memory />
          <Health />
          <Connect />
          <ServerFacts />
        </div>
      </div>
    </>
  );
}

function HeadlineText() {
  const { data: status } = useStatus();
  const { data: instances = [] } = useInstances();
  const { data: models } = useModels();
  const { data: findings } = useDoctor();
  const { data: visit } = useVisit();
  const usable = models?.filter((model) => isChatModel(model) && model.id !== visit?.probeId);
  const { text, tone } = headlineOf({ status, instances, usableCount: usable?.length ?? null, findings, visit });
  return (
    <span className={`home-headline home-headline-${tone}`} role="status">
      <span className="home-headline-dot" aria-hidden />
      <span>{text}</span>
    </span>
  );
}
