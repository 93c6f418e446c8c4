// Answers as they may look, for readers of the API document.

const TIME = '2026-01-02T03:04:05.000Z';
const ID = 'qwen3-4b-q4_k_m';
const FILE = '/models/qwen/Qwen3-4B-Q4_K_M.gguf';
const BACKUP = '/var/lib/drover/backups/config.yaml.20260102T030405Z';
const FINDING = { folder: '/models', status: 'success', models: 5 };
const RESTART = {
  requiresRestart: true,
  restartMessage: 'Model configuration has been updated. Would you like to restart the server to apply changes?',
  affectedModels: [ID],
};
const MODEL_INFO = {
  name: 'Qwen3 4B',
  size: '2.5GB',
  quantization: 'Q4_K_M',
  isInstruct: true,
  isEmbedding: false,
  contextLength: 40_960,
};

export const detection = {
  detectionQuality: 'excellent',
  platform: 'linux',
  arch: 'amd64',
  gpuDetected: true,
  gpuTypes: ['NVIDIA (RTX, GTX)', 'CPU Only'],
  primaryGPU: { name: 'NVIDIA GeForce RTX 4070', brand: 'nvidia', vramGB: 12 },
  totalRAMGB: 32,
  availableRAMGB: 24,
  recommendedBackends: ['cuda', 'vulkan', 'cpu'],
  supportedBackends: ['cuda', 'vulkan', 'cpu'],
  recommendedContextSizes: [8192, 16_384, 32_768],
  maxRecommendedContextSize: 32_768,
  recommendations: {
    primaryBackend: 'cuda',
    fallbackBackend: 'cpu',
    suggestedContextSize: 32_768,
    suggestedVRAMAllocation: 9,
    suggestedRAMAllocation: 16,
    throughputFirst: true,
    notes: ['Detected cuda with 12.0GB VRAM'],
  },
  detectionTimestamp: TIME,
};

export const settings = {
  settings: {
    gpuType: 'nvidia',
    backend: 'cuda',
    vramGB: 12,
    ramGB: 32,
    preferredContext: 32_768,
    throughputFirst: true,
    enableJinja: true,
    requireApiKey: false,
  },
};

export const restarting = {
  message: 'Soft restart initiated - reloading config and restarting models',
  status: 'restarting',
};

export const binary = {
  exists: true,
  path: '/var/lib/drover/engines/b11669-cuda/llama-server',
  hasMetadata: true,
  currentVersion: 'b11669',
  currentType: 'cuda',
  latestVersion: 'b11700',
  optimalType: 'cuda',
  isOptimal: true,
  isUpToDate: false,
  updateAvailable: true,
};

export const binaryUpdated = {
  status: 'updated',
  message: 'Binary updated successfully',
  version: 'b11700',
  type: 'cuda',
  path: '/var/lib/drover/engines/b11700-cuda/llama-server',
  wasForced: false,
};

export const config = {
  yaml: `models:\n  ${ID}:\n    file: ${FILE}\n`,
  config: {
    healthCheckTimeout: 300,
    logLevel: 'info',
    startPort: 0,
    downloadDir: '/var/lib/drover/models',
    models: {
      [ID]: { file: FILE, cmd: `llama-server --port \${PORT} --model ${FILE}`, proxy: 'http://127.0.0.1:${PORT}' },
    },
    groups: {},
    macros: {},
  },
};

export const configWritten = { status: 'Configuration updated successfully', backup: BACKUP, ...RESTART };
export const valid = { valid: true, modelCount: 5, groupCount: 2, macroCount: 2, startPort: 0, downloadDir: '/models' };

export const scan = {
  models: [
    {
      modelId: ID,
      filename: 'Qwen3-4B-Q4_K_M.gguf',
      name: 'Qwen3 4B',
      size: 2_497_280_256,
      sizeFormatted: '2.5GB',
      path: FILE,
      relativePath: 'qwen/Qwen3-4B-Q4_K_M.gguf',
      quantization: 'Q4_K_M',
      isInstruct: true,
      isDraft: false,
      isEmbedding: false,
      contextLength: 40_960,
      numLayers: 36,
      isMoE: false,
    },
  ],
  scanSummary: [FINDING],
  totalModels: 1,
  foldersScanned: 1,
};

export const appended = {
  status: 'Model successfully appended to config.yaml',
  modelId: ID,
  modelInfo: MODEL_INFO,
  requiresRestart: false,
  restartMessage: 'New model has been added to configuration. It counts already: no restart is needed.',
  affectedModels: [],
};

export const preview = {
  status: 'Model configuration generated, nothing was written',
  config: { name: 'Qwen3 4B', file: FILE, preferredContext: 32_768 },
  modelInfo: MODEL_INFO,
};

export const modelWritten = {
  status: 'Model parameters updated successfully',
  model: ID,
  backup: BACKUP,
  updated: { contextSize: 32_768 },
  ...RESTART,
};

export const deleted = {
  status: 'Model deleted',
  modelId: ID,
  message: `Removed ${ID} from the configuration; its file stays.`,
  backup: BACKUP,
  deletedFiles: [],
};

export const folders = {
  folders: [{ path: '/models', addedAt: TIME, lastScanned: TIME, modelCount: 12, recursive: true, enabled: true }],
  lastScan: TIME,
  version: '1.0',
  totalCount: 1,
};
export const foldersAdded = { status: 'Folders added to database', addedFolders: ['/models'], errors: [] };
export const foldersRemoved = {
  status: 'Folders removed from database',
  removedFolders: ['/models'],
  remainingCount: 0,
};

export const regenerated = {
  status: 'Configuration regenerated using CLI autosetup function',
  totalModels: 5,
  foldersScanned: 1,
  scanSummary: [FINDING],
  config: `models:\n  ${ID}:\n    file: ${FILE}\n`,
  source: 'The headers of the GGUF files, and placement on this machine',
  primaryFolder: '/models',
  note: '4 added, 0 changed, 0 removed, 1 kept as written by hand.',
  autoRestart: 'Not needed: the configuration counts already',
};

export const missingRemoved = {
  status: 'Config validation completed',
  removedModels: ['gone-7b (/models/gone-7b.gguf)'],
  message: 'Removed 1 missing models from config',
};
export const duplicatesRemoved = {
  message: 'Cleanup completed. Removed 1 duplicate models.',
  duplicatesRemoved: 1,
  removedModels: ['qwen3-copy'],
  keptModels: [ID],
};

export const setup = {
  status: 'processing',
  current_step: 'Planning',
  progress: 65.5,
  total_models: 10,
  processed_models: 6,
  current_model: ID,
  error: null,
  completed: false,
  started_at: TIME,
  updated_at: TIME,
};

export const metrics = [
  {
    modelId: ID,
    requestCount: 42,
    avgResponseTime: 1250,
    tokensPerSecond: 35.2,
    lastActivity: TIME,
    memoryUsage: 2_100_000_000,
  },
];
export const requestMetrics = [
  {
    id: 41,
    timestamp: TIME,
    model: ID,
    cache_tokens: 0,
    input_tokens: 15,
    output_tokens: 45,
    prompt_per_second: 812.5,
    tokens_per_second: 35.2,
    duration_ms: 1297,
  },
];

export const downloadStarted = {
  downloadId: 'dl_5dl65nnobbgrrwen',
  status: 'download started',
  modelId: 'phi-3.5-mini',
  filename: 'phi-3.5-mini-q4-k-m.gguf',
};
export const download = {
  id: 'dl_5dl65nnobbgrrwen',
  modelId: 'phi-3.5-mini',
  filename: 'phi-3.5-mini-q4-k-m.gguf',
  url: 'https://huggingface.co/owner/name/resolve/main/Phi-3.5-mini-Q4_K_M.gguf',
  status: 'downloading',
  progress: 45.2,
  downloadedBytes: 1_234_567_890,
  totalBytes: 2_730_000_000,
  speed: '15.2 MB/s',
  eta: '1m 39s',
};
export const downloads = { [download.id]: download };
export const downloadChanged = { status: 'download paused', downloadId: download.id };

export const destinations = {
  destinations: [
    {
      path: '/models',
      name: 'Default Downloads',
      type: 'default',
      enabled: true,
      modelCount: 12,
      lastScanned: TIME,
      description: 'Default download folder (12 models)',
    },
  ],
  count: 1,
};
