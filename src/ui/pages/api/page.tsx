// The page "api"; its parts are on their way.
import { PageHeader } from '../../parts/page-header.tsx';
import { texts } from '../../texts/index.ts';

export function ApiPage() {
  return <PageHeader title={texts.app.pages.api} />;
}
