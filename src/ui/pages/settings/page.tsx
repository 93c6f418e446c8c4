// The page "Settings": a section for each kind of thing that can be set.
import { useLocation, useParams } from 'wouter';
import { PageHeader } from '../../parts/page-header.tsx';
import { Tabs } from '../../parts/tabs.tsx';
import { texts } from '../../texts/index.ts';
import { About } from './about.tsx';
import { Engine } from './engine.tsx';
import { ConfigFile } from './file.tsx';
import { Folders } from './folders.tsx';
import { General } from './general.tsx';
import { Appearance, Server } from './server.tsx';

const words = texts.settings;
type Section = keyof typeof words.tabs;

const CONTENTS: Readonly<Record<Section, React.ReactNode>> = {
  folders: <Folders />,
  engine: <Engine />,
  general: <General />,
  file: <ConfigFile />,
  server: <Server />,
  appearance: <Appearance />,
  about: <About />,
};

const isSection = (word: string): word is Section => Object.hasOwn(CONTENTS, word);

export function SettingsPage() {
  const [, go] = useLocation();
  const asked = useParams<{ readonly '*'?: string }>()['*'] ?? '';
  const section = isSection(asked) ? asked : 'folders';
  return (
    <>
      <PageHeader title={texts.app.pages.settings} text={words.text} />
      <Tabs
        label={words.sections}
        value={section}
        onChange={(next) => go(`/settings/${next}`, { replace: true })}
        tabs={(Object.keys(CONTENTS) as Section[]).map((value) => ({
          value,
          label: words.tabs[value],
          content: CONTENTS[value],
        }))}
      />
    </>
  );
}
