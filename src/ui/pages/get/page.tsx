// The page "Get models": search the hub, look at a repository, and see downloads through.
import { type FormEvent, useState } from 'react';
import { useParams } from 'wouter';
import { startDownload } from '../../app/downloads.ts';
import { Button } from '../../parts/button.tsx';
import { SearchField, Select } from '../../parts/field.tsx';
import { PageHeader } from '../../parts/page-header.tsx';
import { ErrorState } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import { useDestination } from './destination.ts';
import { DestinationChoice } from './destination-choice.tsx';
import { DownloadsPanel } from './downloads-panel.tsx';
import { folderOf } from './places.ts';
import { Recommended } from './recommended.tsx';
import { Repository } from './repository.tsx';
import { Results } from './results.tsx';
import { ORDERS } from './search-address.ts';
import { useSearchState } from './search-state.ts';

const words = texts.get;
const ITEMS = ORDERS.map((order) => ({ value: order, label: words.orders[order] }));

export function GetPage() {
  const params = useParams<{ readonly '*'?: string }>();
  const repository = params['*'] ?? '';
  const isSearch = repository === '';
  const { input, setInput, asked, shown, back, search, look } = useSearchState(isSearch);
  const destination = useDestination();
  const [failure, setFailure] = useState<unknown>(null);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setFailure(null);
    if (asked.kind === 'words') search();
    else if (asked.kind === 'repository') look(asked.repository);
    else startDownload(asked.address, folderOf(destination.chosen)).then(() => setInput(''), setFailure);
  };
  const action =
    asked.kind === 'words'
      ? words.go
      : asked.kind === 'repository'
        ? words.direct(asked.repository)
        : words.downloadAddress;
  return (
    <div className="column page-column">
      <PageHeader title={texts.app.pages.get} text={words.text} {...(isSearch ? {} : { tabTitle: repository })} />
      <search>
        <form className={isSearch ? 'get-search get-search-sorted' : 'get-search'} onSubmit={submit}>
          <SearchField label={words.search} value={input} onChange={setInput} />
          {isSearch && (
            <Select
              label={words.sort}
              isLabelHidden
              value={shown.order}
              items={ITEMS}
              onChange={(order) => search({ order })}
            />
          )}
          <Button type="submit" tone="primary">
            {action}
          </Button>
        </form>
      </search>
      {asked.kind === 'address' && <DestinationChoice {...destination} />}
      {failure !== null && <ErrorState error={failure} />}
      <DownloadsPanel />
      {isSearch ? (
        <>
          {shown.words === '' && <Recommended />}
          <Results asking={shown} />
        </>
      ) : (
        <Repository key={repository} repository={repository} back={back} destination={destination} />
      )}
    </div>
  );
}
