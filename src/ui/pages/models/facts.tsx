// What the file itself says of the model.
import type { ReactNode } from 'react';
import { compact, context, count, size } from '../../format.ts';
import { CodeBlock } from '../../parts/code-block.tsx';
import { CopyButton } from '../../parts/copy-button.tsx';
import { StackedMeter } from '../../parts/meter.tsx';
import { Loaded } from '../../parts/states.tsx';
import { Facts } from '../../parts/table.tsx';
import { texts } from '../../texts/index.ts';
import { type Details, useDetails } from './queries.ts';

const { facts: words } = texts.models;

export function ModelFacts({ model }: { readonly model: string }) {
  return <Loaded query={useDetails(model)}>{(details) => <Shown details={details} />}</Loaded>;
}

function Shown({ details: { model, facts, files, origin } }: { readonly details: Details }) {
  const can = [
    model.hasVision ? texts.models.vision : null,
    model.canUseTools ? texts.models.tools : null,
    facts?.canReason === true ? texts.models.reasons : null,
    facts?.canInfill === true ? words.infill : null,
  ].filter((word) => word !== null);
  return (
    <div className="column">
      <Facts
        items={[
          [words.size, size(model.sizeBytes)],
          [words.parameters, compact(model.parameterCount)],
          [
            words.quantization,
            facts?.isQuantizationDerived === true
              ? `${facts.quantization} (${words.derived})`
              : (model.quantization ?? texts.parts.unknown),
          ],
          [words.trained, context(model.contextTokens)],
          [words.can, can.length === 0 ? words.nothing : can.join(', ')],
          ...(facts === null ? [] : [...figuresOf(facts), ...makersOf(facts.provenance)]),
          [words.aliases, model.aliases.join(', ') || texts.parts.none],
          [words.origin, origin ?? texts.parts.unknown],
        ]}
      />
      {facts === null && <p className="dim">{words.none}</p>}
      <section className="column">
        <h3>{words.file}</h3>
        <ul className="models-files">
          {files.map(({ path, sizeBytes }) => (
            <li key={path}>
              <code>{path}</code>
              <span className="dim figures">{sizeBytes === null ? words.missing : size(sizeBytes)}</span>
              <CopyButton text={path} label={words.copyPath(path)} />
            </li>
          ))}
        </ul>
      </section>
      {facts !== null && facts.tensorMix.length > 0 && <Mix mix={facts.tensorMix} />}
      {facts !== null && Object.keys(facts.sampling).length > 0 && (
        <section className="column">
          <h3>{words.sampling}</h3>
          <Facts items={Object.entries(facts.sampling).map(([name, value]) => [name, String(value)] as const)} />
        </section>
      )}
      {facts !== null &&
        (facts.chatTemplate === null ? (
          <p className="dim">{words.noTemplate}</p>
        ) : (
          <details className="models-more">
            <summary>{words.template}</summary>
            <CodeBlock text={facts.chatTemplate} title={words.template} label={words.template} isWrapped />
          </details>
        ))}
    </div>
  );
}

const figuresOf = (facts: NonNullable<Details['facts']>): (readonly [string, string])[] => [
  [words.architecture, facts.architecture],
  [words.layers, count(facts.blockCount)],
  [words.heads, words.headsText(count(facts.headCount), count(facts.headCountKv))],
  [words.embedding, count(facts.embeddingLength)],
  [words.feedForward, count(facts.feedForwardLength)],
  [words.vocabulary, count(facts.vocabularySize)],
  ...(facts.expertCount > 0
    ? [[words.experts, words.expertsText(count(facts.expertCount), count(facts.expertUsedCount))] as const]
    : []),
  ...(facts.slidingWindowTokens === null ? [] : [[words.window, context(facts.slidingWindowTokens)] as const]),
  [words.weights, size(facts.weightBytes)],
  [words.tensors, count(facts.tensorCount)],
  ...(facts.tensorMix.length === 0 ? [] : [[words.bits, bitsPerWeight(facts.tensorMix).toFixed(2)] as const]),
];

type Header = NonNullable<Details['facts']>;

const sumOf = (mix: Header['tensorMix'], pick: (one: Header['tensorMix'][number]) => number): number =>
  mix.reduce((sum, one) => sum + pick(one), 0);

const bitsPerWeight = (mix: Header['tensorMix']): number =>
  (sumOf(mix, ({ bytes }) => bytes) * 8) / sumOf(mix, ({ elementCount }) => elementCount);

/** What the header says of who made it; what it does not say is left out. */
function makersOf(provenance: Header['provenance']): (readonly [string, ReactNode])[] {
  const { author, organization, license, licenseName, licenseUrl, quantizedBy, url, description, baseModels } =
    provenance;
  const bases = baseModels.map((base) => (
    <Away key={base.name} url={base.url}>
      {[base.organization, base.name].filter((word) => word !== null).join('/')}
    </Away>
  ));
  const rows: (readonly [string, ReactNode])[] = [
    [words.author, [author, organization].filter((word) => word !== null).join(', ') || null],
    [words.license, license === null && licenseName === null ? null : away(licenseUrl, licenseName ?? license)],
    [words.base, bases.length === 0 ? null : inRow(bases)],
    [words.quantizedBy, quantizedBy],
    [words.home, url === null ? null : away(url, url)],
    [words.description, description],
  ];
  return rows.filter(([, shown]) => shown !== null);
}

const away = (url: string | null, text: string | null): ReactNode => <Away url={url}>{text}</Away>;
const inRow = (nodes: readonly ReactNode[]): ReactNode => <span className="row">{nodes}</span>;

/** Leads to another host, where an address is known. */
const Away = ({ url, children }: { readonly url: string | null; readonly children: ReactNode }) =>
  url === null ? (
    <span dir="auto">{children}</span>
  ) : (
    <a href={url} target="_blank" rel="noopener noreferrer" dir="auto">
      {children}
    </a>
  );

const SERIES = [1, 2, 3, 4] as const;

function Mix({ mix }: { readonly mix: Header['tensorMix'] }) {
  return (
    <section className="column">
      <h3>{words.mix}</h3>
      <StackedMeter
        label={words.mix}
        total={sumOf(mix, ({ bytes }) => bytes)}
        shares={mix.map(({ typeName, tensorCount, bytes }, index) => ({
          key: typeName,
          label: typeName,
          amount: bytes,
          series: SERIES[index] ?? 'other',
          valueText: words.mixOf(words.mixTensors(tensorCount, count(tensorCount)), size(bytes)),
        }))}
      />
    </section>
  );
}
