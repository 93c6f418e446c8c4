// The page "instances"; its parts are on their way.
import { PageHeader } from '../../parts/page-header.tsx';
import { texts } from '../../texts/index.ts';

export function InstancesPage() {
  return <PageHeader title={texts.app.pages.instances} />;
}
