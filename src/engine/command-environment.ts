// The environment of an engine's process: what it needs to find its libraries and devices, and nothing else.
// Pure: the inherited environment is passed in. It must never let a secret or a foreign setting of the engine through.

export interface EnvironmentInput {
  /** The child's own key; it goes in by environment so that no process list shows it. Null: none. */
  readonly apiKey: string | null;
  readonly inherited: Readonly<Record<string, string | undefined>>;
  /** What the build asks for (`EngineBuild.environment`), then what the model's entry adds; later ones win. */
  readonly extra?: readonly Readonly<Record<string, string>>[] | undefined;
}

// Compared in upper case: names are case-insensitive on Windows.
const NAMES = new Set(
  (
    'PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TEMP TMP TERM HOSTNAME LD_LIBRARY_PATH DYLD_LIBRARY_PATH ' +
    'DYLD_FALLBACK_LIBRARY_PATH SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT USERPROFILE USERNAME APPDATA LOCALAPPDATA ' +
    'PROGRAMDATA PROGRAMFILES PROGRAMFILES(X86) COMMONPROGRAMFILES ALLUSERSPROFILE NUMBER_OF_PROCESSORS ' +
    'DRIVERDATA OS DISPLAY XDG_RUNTIME_DIR XDG_CACHE_HOME XDG_DATA_DIRS DRI_PRIME NIX_LD NIX_LD_LIBRARY_PATH'
  ).split(' '),
);
const PREFIXES =
  /^(LC_|PROCESSOR_|CUDA_|NVIDIA_|NVCC_|GGML_|VK_|HIP_|HSA_|ROCR_|ROCM_|ROCBLAS_|HIPBLASLT_|AMD_|RADV_|MESA_|LP_|LIBGL_|INTEL_|ONEAPI_|ONEDNN_|SYCL_|UR_|ZE_|ZES_|OCL_|OPENCL_|OPENVINO_|METAL_|MTL_|OMP_|GOMP_|KMP_|OPENBLAS_|BLIS_|MKL_|NUMA_|DZN_|D3D12_)/;
const SECRETS = /TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL|COOKIE/;
/** Never, whoever asks: they would change the engine behind the plan's back, load foreign code, or run this program as a runtime. */
const REFUSED =
  /^(LLAMA_|AIP_|MTMD_|BUN_|NODE_|NPM_|DROVER_|HF_|HUGGING_?FACE|LD_PRELOAD$|LD_AUDIT$|DYLD_INSERT_|GGML_BACKEND_(PATH|DIR)$)/;

/**
 * The child's environment: an allow-list of what is inherited, then `extra`, then our own.
 * `GGML_NO_BACKTRACE` because an aborting engine otherwise starts a debugger on itself and hangs where that is forbidden.
 */
export function environmentFor(input: EnvironmentInput): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(input.inherited)) {
    if (value === undefined) continue;
    const upper = name.toUpperCase();
    if (!NAMES.has(upper) && !PREFIXES.test(upper)) continue;
    if (SECRETS.test(upper) || REFUSED.test(upper)) continue;
    environment[name] = value;
  }
  for (const part of input.extra ?? []) {
    for (const [name, value] of Object.entries(part)) {
      if (REFUSED.test(name.toUpperCase())) continue;
      environment[name] = value;
    }
  }
  environment.GGML_NO_BACKTRACE = '1';
  if (input.apiKey !== null) environment.LLAMA_API_KEY = input.apiKey;
  return environment;
}
