// The page "Get models": search the hub, look at a repository, and see downloads through.
import { type FormEvent, useEffect, useState } from 'react';
import { useLocation, useParams } from 'wouter';
import { startDownload } from '../../app/downloads.ts';
import { Button } from '../../parts/button.tsx';
import { SearchField } from '../../parts/field.tsx';
import { PageHeader } from '../../parts/page-header.tsx';
import { ErrorState } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import { DownloadsPanel } from './downloads-panel.tsx';
import { Recommended } from './recommended.tsx';
import { askedOf } from './references.ts';
import { Repository } from './repository.tsx';
import { Results } from './results.tsx';

const words = texts.get;
const PAUSE_MS = 350;

export function GetPage() {
  const [, go] = useLocation();
  const params = useParams<{ readonly '*'?: string }>();
  const repository = params['*'] ?? '';
  const [input, setInput] = useState('');
  const [searched, setSearched] = useState('');
  const [failure, setFailure] = useState<unknown>(null);
  const asked = askedOf(input);
  const text = asked.kind === 'words' ? asked.text : '';
  useEffect(() => {
    const timer = setTimeout(() => setSearched(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setFailure(null);
    if (asked.kind === 'words') setSearched(asked.text);
    else if (asked.kind === 'repository') {
      setInput('');
      go(`/get/${asked.repository}`);
    } else {
      startDownload(asked.address).then(() => setInput(''), setFailure);
    }
  };
  const action =
    asked.kind === 'words'
      ? words.go
      : asked.kind === 'repository'
        ? words.direct(asked.repository)
        : words.downloadAddress;
  return (
    <div className="column page-column">
      <PageHeader
        title={texts.app.pages.get}
        text={words.text}
        {...(repository === '' ? {} : { tabTitle: repository })}
      />
      <search>
        <form className="get-search" onSubmit={submit}>
          <SearchField label={words.search} value={input} onChange={setInput} />
          <Button type="submit" tone="primary">
            {action}
          </Button>
        </form>
      </search>
      {failure !== null && <ErrorState error={failure} />}
      <DownloadsPanel />
      {repository === '' ? (
        <>
          {searched === '' && <Recommended />}
          <Results asked={searched} />
        </>
      ) : (
        <Repository key={repository} repository={repository} />
      )}
    </div>
  );
}
