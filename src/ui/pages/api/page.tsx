// The page "API": addresses, documents, snippets for other programs, and the keys that they send.
import { BookOpen, Download } from 'lucide-react';
import { open } from '../../api/client.ts';
import { Button } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { PageHeader } from '../../parts/page-header.tsx';
import { saveFile } from '../../parts/save-file.ts';
import { toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';
import { Addresses } from './addresses.tsx';
import { Connect } from './connect.tsx';
import { KeyList } from './key-list.tsx';

export function ApiPage() {
  const { documents } = texts.api;
  return (
    <>
      <PageHeader title={texts.app.pages.api} text={texts.api.text} />
      <div className="column api-page">
        <Connect />
        <div className="grid-2">
          <Addresses />
          <div className="column api-page">
            <Card title={documents.title} text={documents.text}>
              <div className="row">
                <a className="button button-primary" href="/docs">
                  <BookOpen size={16} aria-hidden />
                  {documents.open}
                </a>
                <Button icon={<Download size={16} aria-hidden />} onClick={() => void saveDocument().catch(toastError)}>
                  {documents.download}
                </Button>
              </div>
            </Card>
            <KeyList />
          </div>
        </div>
      </div>
    </>
  );
}

/** A link could not send the key. */
async function saveDocument(): Promise<void> {
  const answer = await open('GET', '/docs/json');
  saveFile('drover-openapi.json', await answer.blob());
}
