// The page "bench"; its parts are on their way.
import { PageHeader } from '../../parts/page-header.tsx';
import { texts } from '../../texts/index.ts';

export function BenchPage() {
  return <PageHeader title={texts.app.pages.bench} />;
}
