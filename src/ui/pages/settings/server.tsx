// The server itself: since when it runs, where it can be reached, and its restart; and how this page looks.
import { useState } from 'react';
import type { Status } from '../../api/answers.ts';
import { post } from '../../api/client.ts';
import { forgetKey, keptKey } from '../../api/key.ts';
import { useStatus } from '../../api/queries.ts';
import { chooseTheme, type Theme, useTheme } from '../../app/theme-choice.ts';
import { duration, when } from '../../format.ts';
import { Button, ButtonLink } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { Select } from '../../parts/field.tsx';
import { Loaded } from '../../parts/states.tsx';
import { Facts } from '../../parts/table.tsx';
import { toast, toastError } from '../../parts/toast.tsx';
import { texts } from '../../texts/index.ts';

const { server: words, appearance } = texts.settings;

/** Nobody would start it again. */
const isOnItsOwn = (keeper: Status['keeper'] | undefined): boolean => keeper === null || keeper?.kind === 'terminal';

function keeperText(keeper: Status['keeper']): string {
  if (keeper === null) return words.keepers.nobody;
  const kind = words.keepers[keeper.kind];
  const said = keeper.name === null ? kind : words.keeperUnit(kind, keeper.name);
  return keeper.isOfUser === true ? words.keeperOfUser(said) : said;
}

export function Server() {
  const query = useStatus();
  const [isRestarting, setRestarting] = useState(false);
  const reload = async (): Promise<void> => {
    await post('/drover/reload');
    toast({ tone: 'ok', title: words.reloaded });
  };
  return (
    <Card
      title={words.title}
      actions={
        <>
          <Button isSmall onClick={() => void reload().catch(toastError)}>
            {words.reload}
          </Button>
          <Button isSmall tone="danger" onClick={() => setRestarting(true)}>
            {words.restart}
          </Button>
        </>
      }
    >
      <Loaded query={query}>
        {({ version, startedAt, pid, keeper, dataFolder, urls }) => (
          <Facts
            items={[
              [words.version, version],
              [words.started, when(startedAt)],
              [words.up, duration(Date.now() - startedAt)],
              [words.pid, String(pid)],
              [words.keeper, keeperText(keeper)],
              [words.data, <code key="data">{dataFolder}</code>],
              [words.addresses, urls.join(', ')],
            ]}
          />
        )}
      </Loaded>
      {isOnItsOwn(query.data?.keeper) && <p className="dim small">{words.service}</p>}
      <div className="row">
        <ButtonLink isSmall to="/instances">
          {words.log}
        </ButtonLink>
        {keptKey() !== null && (
          <Button isSmall onClick={forgetKey}>
            {words.forget}
          </Button>
        )}
      </div>
      <ConfirmDialog
        isOpen={isRestarting}
        onClose={() => setRestarting(false)}
        title={words.restartTitle}
        text={words.restartText}
        action={words.restart}
        onConfirm={() => post('/drover/restart', { hard: true })}
      />
    </Card>
  );
}

export function Appearance() {
  const theme = useTheme();
  const { theme: names } = texts.app;
  return (
    <Card title={appearance.title} text={appearance.text}>
      <div className="settings-narrow">
        <Select
          label={appearance.colours}
          value={theme}
          onChange={chooseTheme}
          items={(['system', 'light', 'dark'] as const).map((value: Theme) => ({ value, label: names[value] }))}
        />
      </div>
    </Card>
  );
}
