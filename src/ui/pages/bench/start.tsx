// Starting a run: which model, how thorough, under which name.
import { Play } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { post } from '../../api/client.ts';
import { isChatModel, queryClient, useModels } from '../../api/queries.ts';
import { Button } from '../../parts/button.tsx';
import { Card } from '../../parts/card.tsx';
import { Select, TextField } from '../../parts/field.tsx';
import { ErrorState } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import { EFFORTS, type Effort, RUNS } from './runs.ts';

const words = texts.bench.start;

export function Start() {
  const { data: models = [] } = useModels();
  const usable = models.filter((model) => isChatModel(model) && !model.isCustom);
  const [chosen, setChosen] = useState<string | null>(null);
  const [effort, setEffort] = useState<Effort>('usual');
  const [name, setName] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const model = usable.find(({ id }) => id === chosen) ?? usable[0];
  const { promptLengths, concurrencies, tokens, runs } = EFFORTS[effort];
  const start = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (model === undefined) return;
    setBusy(true);
    setFailure(null);
    try {
      await post('/drover/bench', {
        model: model.id,
        ...EFFORTS[effort],
        background: true,
        ...(name.trim() === '' ? {} : { save: name.trim() }),
      });
      setName('');
      await queryClient.invalidateQueries({ queryKey: RUNS });
    } catch (thrown) {
      setFailure(thrown);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title={words.title} text={words.goesOn}>
      {model === undefined ? (
        <p className="dim">{words.noModel}</p>
      ) : (
        <form className="bench-start" onSubmit={(event) => void start(event)}>
          <Select
            label={words.model}
            value={model.id}
            onChange={setChosen}
            items={usable.map(({ id }) => ({ value: id, label: id }))}
          />
          <Select
            label={words.effort}
            value={effort}
            onChange={setEffort}
            items={(Object.keys(EFFORTS) as Effort[]).map((value) => ({ value, label: words.efforts[value] }))}
          />
          <TextField label={words.name} placeholder={words.nameHelp} value={name} onChange={setName} maxLength={100} />
          <Button type="submit" tone="primary" isBusy={isBusy} icon={<Play size={15} aria-hidden />}>
            {words.action}
          </Button>
          <p className="field-help bench-says">
            {words.says(promptLengths.join(', '), concurrencies.join(', '), tokens, runs)}
          </p>
        </form>
      )}
      {failure !== null && <ErrorState error={failure} />}
    </Card>
  );
}
