# Installs Drover @@VERSION@@ for you, without an administrator: fetches the archive for this machine, checks signature and digest,
# tries the program, puts it into %LOCALAPPDATA%\Programs\drover and that folder into your PATH. Run again, it goes on where it
# was stopped.
#
#   irm ADDRESS/install.ps1 | iex
#   .\install.ps1 [-Folder DIR] [-Version VERSION] [-Url ADDRESS] [-Service]
#   .\install.ps1 -Uninstall
#
# Signatures are checked by the ssh-keygen that Windows has; without one, DROVER_ALLOW_UNSIGNED=1 lets the digest be enough.
param(
  [string]$Folder = $(if ($env:DROVER_FOLDER) { $env:DROVER_FOLDER } else { Join-Path $env:LOCALAPPDATA 'Programs\drover' }),
  [string]$Version = '@@VERSION@@',
  [string]$Url = $(if ($env:DROVER_URL) { $env:DROVER_URL } else { '@@URL@@' }),
  [switch]$Service,
  [switch]$Uninstall
)

$ErrorActionPreference = 'Stop'
# Without it, downloads of Windows PowerShell take many times as long.
$ProgressPreference = 'SilentlyContinue'
[Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12

$Namespace = '@@SSH_NAMESPACE@@'
$Keys = @'
@@SSH_KEYS@@
'@ -split "`r?`n" | Where-Object { $_ -ne '' }
$Program = Join-Path $Folder 'drover.exe'

function Stop-With([string]$Message, [string]$Hint) {
  throw "$Message`n  $Hint"
}

function Get-Target {
  # Of the machine, not of this process, which may run in emulation.
  $machine = if ($env:PROCESSOR_ARCHITEW6432) { $env:PROCESSOR_ARCHITEW6432 } else { $env:PROCESSOR_ARCHITECTURE }
  switch ($machine) {
    'AMD64' { 'windows-x64' }
    'ARM64' { 'windows-arm64' }
    default { Stop-With "There is no release for $machine." 'It can be built from source: bun build.ts' }
  }
}

function Get-ReleaseFile([string]$Name, [string]$Work) {
  try { Invoke-WebRequest -UseBasicParsing -Uri "$Url/$Name" -OutFile (Join-Path $Work $Name) }
  catch { Stop-With "$Url/$Name could not be fetched: $($_.Exception.Message)" 'Is the address right, and the network there?' }
}

function Assert-Signed([string]$Work) {
  $tool = Get-Command ssh-keygen.exe -ErrorAction SilentlyContinue
  $reason = if ($Keys.Count -eq 0) { 'this release was made without a key' } elseif (-not $tool) { 'there is no ssh-keygen to check the signature' }
  if ($reason) {
    if ($env:DROVER_ALLOW_UNSIGNED -ne '1') {
      Stop-With "Not installed: $reason." 'Add the OpenSSH client (Settings, Optional features), or accept that with $env:DROVER_ALLOW_UNSIGNED = 1.'
    }
    Write-Host "Not checked: $reason."
    return
  }
  Get-ReleaseFile 'SHA256SUMS.sshsig' $Work
  $signers = Join-Path $Work 'signers'
  # No mark at the front: ssh-keygen would take it for a part of the name.
  $lines = $Keys | ForEach-Object { "drover namespaces=`"$Namespace`" $_" }
  [IO.File]::WriteAllText($signers, ($lines -join "`n") + "`n", (New-Object Text.UTF8Encoding $false))
  # A pipe of PowerShell would alter the bytes.
  $run = Start-Process -FilePath $tool.Source -NoNewWindow -Wait -PassThru `
    -ArgumentList "-Y verify -f `"$signers`" -I drover -n $Namespace -s `"$Work\SHA256SUMS.sshsig`"" `
    -RedirectStandardInput (Join-Path $Work 'SHA256SUMS') -RedirectStandardOutput (Join-Path $Work 'said')
  if ($run.ExitCode -ne 0) {
    Stop-With 'SHA256SUMS is not signed by a key that this script trusts.' 'Nothing was installed. If it stays so, tell the maintainers.'
  }
}

function Assert-Digest([string]$Name, [string]$Work) {
  $line = Get-Content (Join-Path $Work 'SHA256SUMS') | Where-Object { $_ -match "^[0-9a-f]{64}  $([regex]::Escape($Name))$" }
  if (-not $line) { Stop-With "The release has no $Name." 'Is there a release for this machine?' }
  $found = (Get-FileHash -Algorithm SHA256 (Join-Path $Work $Name)).Hash
  if ($found -ne $line.Substring(0, 64)) {
    Stop-With "$Name has another digest than the release says." 'Nothing was installed. If it stays so, tell the maintainers.'
  }
}

# The version before stays for `drover rollback`. What runs can be renamed, not replaced.
function Move-IntoPlace([string]$New) {
  $kept = Join-Path $Folder '.drover-versions\previous'
  if (Test-Path $Program) {
    New-Item -ItemType Directory -Force $kept | Out-Null
    $before = Join-Path $kept 'drover.exe'
    if (Test-Path $before) {
      try { Remove-Item -Force $before } catch { Rename-Item $before "drover.exe.$([DateTimeOffset]::Now.ToUnixTimeMilliseconds()).old" }
    }
    Move-Item $Program $before
    try { Move-Item $New $Program } catch { Move-Item $before $Program; throw }
  } else {
    Move-Item $New $Program
  }
}

# In the registry itself: [Environment] would write each %NAME% that stands in it as what it means today.
function Set-OwnPath([bool]$IsWanted) {
  $key = [Microsoft.Win32.Registry]::CurrentUser.OpenSubKey('Environment', $true)
  try {
    $before = [string]$key.GetValue('Path', '', [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames)
    $parts = @($before -split ';' | Where-Object { $_ -ne '' -and $_ -ne $Folder })
    if ($IsWanted) { $parts += $Folder }
    $after = $parts -join ';'
    if ($after -ne $before) {
      $key.SetValue('Path', $after, [Microsoft.Win32.RegistryValueKind]::ExpandString)
      # Running programs hear of it when a variable is set this way, whichever.
      [Environment]::SetEnvironmentVariable('DROVER_INSTALLED', '1', 'User')
      [Environment]::SetEnvironmentVariable('DROVER_INSTALLED', $null, 'User')
    }
  } finally { $key.Dispose() }
  if ($IsWanted -and ($env:Path -split ';') -notcontains $Folder) { $env:Path += ";$Folder" }
}

function Install-Drover {
  if (-not $Url) { Stop-With 'This script knows no place that has releases.' 'Name one: -Url ADDRESS' }
  $script:Url = $Url.TrimEnd('/') -replace '/releases/latest/download$', "/releases/download/v$Version"
  $name = "drover-$Version-$(Get-Target)"
  New-Item -ItemType Directory -Force $Folder | Out-Null
  Get-ChildItem $Folder -Filter '.drover-install.*' -Force | Remove-Item -Recurse -Force
  $work = Join-Path $Folder ".drover-install.$PID"
  New-Item -ItemType Directory $work | Out-Null
  try {
    Write-Host "Drover $Version for $(Get-Target), from $Url"
    Get-ReleaseFile 'SHA256SUMS' $work
    Assert-Signed $work
    Get-ReleaseFile "$name.zip" $work
    Assert-Digest "$name.zip" $work
    Expand-Archive (Join-Path $work "$name.zip") $work
    $new = Join-Path $work "$name\drover.exe"
    & $new version | Out-Null
    if ($LASTEXITCODE -ne 0) { Stop-With 'The program does not run on this machine.' "It ended with code $LASTEXITCODE." }
    Move-IntoPlace $new
    Set-OwnPath $true
    Write-Host "Installed: $Program"
    if ($Service) { & $Program service install }
    Write-Host 'Start it: drover'
    Write-Host 'Completions: drover completion powershell | Out-String | Invoke-Expression   (for good: add that to $PROFILE)'
  } finally {
    Remove-Item -Recurse -Force $work -ErrorAction SilentlyContinue
  }
}

function Remove-OwnService {
  # What a program says on stderr would end this script: Windows PowerShell takes it for an error as soon as it is redirected.
  $ErrorActionPreference = 'Continue'
  & $Program service uninstall 2>$null | Out-Null
}

# A program that runs cannot be deleted, and that of the service takes a moment to end.
function Remove-Program {
  for ($try = 1; ; $try++) {
    try { Remove-Item -Force $Program; return }
    catch {
      if ($try -ge 20) { Stop-With "$Program cannot be deleted: $($_.Exception.Message)" 'If it runs, end it, then run this again.' }
      Start-Sleep -Milliseconds 250
    }
  }
}

function Uninstall-Drover {
  if (-not (Test-Path $Program)) { Write-Host "Nothing is installed in $Folder."; return }
  Remove-OwnService
  Remove-Program
  Remove-Item -Recurse -Force (Join-Path $Folder '.drover-versions') -ErrorAction SilentlyContinue
  Get-ChildItem $Folder -Filter '.drover-install.*' -Force | Remove-Item -Recurse -Force
  if (-not (Get-ChildItem $Folder -Force)) { Remove-Item $Folder }
  Set-OwnPath $false
  Write-Host "Drover is gone from $Folder. Models, configuration and data stay where they are."
}

if ($Uninstall) { Uninstall-Drover } else { Install-Drover }
