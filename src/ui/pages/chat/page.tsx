// The page "chat"; its parts are on their way.
import { PageHeader } from '../../parts/page-header.tsx';
import { texts } from '../../texts/index.ts';

export function ChatPage() {
  return <PageHeader title={texts.app.pages.chat} />;
}
