// Which addresses speak what.

import { Card } from '../../parts/card.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { texts } from '../../texts/index.ts';

const { addresses } = texts.api;

const ADDRESSES: readonly (readonly [name: string, path: string])[] = [
  [addresses.openai, '/v1'],
  [addresses.anthropic, ''],
  [addresses.native, ''],
  [addresses.own, '/drover'],
  [addresses.metrics, '/metrics'],
  [addresses.clara, '/dialect/clara'],
  [addresses.llamactl, '/dialect/llamactl'],
  [addresses.llamahome, '/dialect/llamahome'],
  [addresses.beautyai, '/dialect/beautyai'],
  [addresses.obt, '/dialect/obt'],
];

export function Addresses() {
  return (
    <Card title={addresses.title} text={addresses.text}>
      <ul className="api-addresses">
        {ADDRESSES.map(([name, path]) => (
          <li key={name}>
            <span>{name}</span>
            <code className="truncate">{location.origin + path}</code>
            <CopyButton text={location.origin + path} label={addresses.copy(name)} />
          </li>
        ))}
      </ul>
    </Card>
  );
}
