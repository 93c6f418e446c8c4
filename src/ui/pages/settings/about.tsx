// What Drover is, what is inside, and whether there is a newer one, for whoever asks.
import { useState } from 'react';
import type * as schema from '../../../dialects/drover/schema-welcome.ts';
import type { Answer } from '../../api/answers.ts';
import { get } from '../../api/client.ts';
import { useStatus } from '../../api/queries.ts';
import { size, when } from '../../format.ts';
import { Button } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Notice } from '../../parts/notice.tsx';
import { ErrorState } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';

type ReleaseNews = Answer<typeof schema.releaseAnswer>;
type Asked = { readonly news: ReleaseNews } | { readonly error: unknown };

const words = texts.settings.about;

export function About() {
  const version = useStatus().data?.version;
  const [asked, setAsked] = useState<Asked | null>(null);
  const [isBusy, setBusy] = useState(false);
  const ask = async (): Promise<void> => {
    setBusy(true);
    try {
      setAsked({ news: await get<ReleaseNews>('/drover/release') });
    } catch (error) {
      setAsked({ error });
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card
      title={words.title}
      actions={
        <Button isSmall isBusy={isBusy} onClick={() => void ask()}>
          {words.ask}
        </Button>
      }
    >
      {version !== undefined && <p>{words.version(version)}</p>}
      {asked !== null && ('news' in asked ? <News news={asked.news} /> : <ErrorState error={asked.error} />)}
      <p>{words.text}</p>
      <p className="dim">{words.licences}</p>
      <p>
        <a href="/docs">{words.docs}</a>
      </p>
    </Card>
  );
}

function News({
  news: { current, newest, isNewer, madeAt, sizeBytes, command, hint },
}: {
  readonly news: ReleaseNews;
}) {
  if (!isNewer) return <Notice tone="ok" isAlert title={words.isNewest(current)} />;
  return (
    <Notice
      tone="accent"
      isAlert
      title={words.isThere(newest)}
      text={
        <>
          {words.facts(madeAt === null ? null : when(madeAt), size(sizeBytes))} {hint ?? words.way}{' '}
          {command !== null && <code>{command}</code>}
        </>
      }
      actions={command === null ? undefined : <CopyButton text={command} label={words.copy} hasText />}
    />
  );
}
