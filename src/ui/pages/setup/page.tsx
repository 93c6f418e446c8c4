// The page "setup"; its parts are on their way.
import { PageHeader } from '../../parts/page-header.tsx';
import { texts } from '../../texts/index.ts';

export function SetupPage() {
  return <PageHeader title={texts.app.pages.setup} />;
}
