# Sourced by the scripts beside it. `set_up` makes .venv-test in the checkout: the package with its [dev] extra,
# its build requirements (the C++ tests use the same oneDNN and Eigen) and PyPI's CMake and Ninja. A second call
# with nothing changed does nothing; after a change only what changed is built.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$checkout/.venv-test
build=$checkout/build/test
cd "$checkout"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf '\n==> %s\n' "$*"; }

# Exit 2: nothing was tested.
fail() {
  printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 2
}

# changed NAME FILES...: whether the files, or their number, differ from those at the last `keep NAME`.
changed() {
  local name=$1 now=$venv/$1.now
  shift
  find "$@" -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum >"$now"
  ! cmp -s "$now" "$venv/$name.kept"
}
keep() { mv "$venv/$1.now" "$venv/$1.kept"; }

make_venv() {
  local python=${PYTHON:-python3}
  command -v "$python" >/dev/null || fail "$python not found. Debian: apt-get install python3 python3-venv python3-dev g++"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "Python >= 3.10 is required; got $("$python" --version). Name another: PYTHON=python3.12 $0"
  local version
  version=$("$python" -c 'import sys; print(sys.version)')
  [ "$("$venv/bin/python" -c 'import sys; print(sys.version)' 2>/dev/null)" = "$version" ] && return
  say "Making $venv"
  rm -rf "$venv" "$build"
  "$python" -m venv "$venv" ||
    { rm -rf "$venv"; fail "$python cannot make virtual environments. Debian: apt-get install python3-venv"; }
}

# requirements TABLE KEY: a list of pyproject.toml, one a line.
requirements() {
  "${host:-$venv/bin/python}" - "$@" <<'PYTHON'
import sys
try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib
with open("pyproject.toml", "rb") as file:
    found = tomllib.load(file)
for key in sys.argv[1:]:
    found = found[key]
print("\n".join(found))
PYTHON
}
build_requirements() { requirements build-system requires; }
build_tools() { printf '%s\n' cmake ninja && build_requirements; }
extra() { requirements project optional-dependencies "$1"; }

# Whether CMake finds Catch2 the way cmake/tests.cmake will.
have_catch2() {
  local probe=$venv/catch2
  mkdir -p "$probe"
  printf '%s\n' 'cmake_minimum_required(VERSION 3.20)' 'project(probe CXX)' 'find_package(Catch2 REQUIRED)' >"$probe/CMakeLists.txt"
  cmake -S "$probe" -B "$probe/build" -G Ninja >/dev/null 2>&1
}

# A package of Debian's, where this user may install it.
install_debian() {
  local as_root=()
  command -v apt-get >/dev/null || return 1
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null || return 1
    as_root=(sudo -n)
  fi
  say "Installing Debian's $1"
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1")
  "${install[@]}" </dev/null || { "${as_root[@]}" apt-get update </dev/null && "${install[@]}" </dev/null; }
}

# Debian's postgresql, for the test of studies that several machines share; without it that test is skipped and says so.
install_postgresql() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
  install_debian postgresql || echo "PostgreSQL is missing, and this user may not install it: its test is skipped. Debian: apt-get install postgresql." >&2
}

# Debian's iverilog, for the tests of the Verilog that stands between ComBlock and network; skipped without it.
install_iverilog() {
  command -v iverilog >/dev/null && return
  install_debian iverilog || echo "Icarus Verilog is missing, and this user may not install it: its tests are skipped. Debian: apt-get install iverilog." >&2
}

set_up() {
  make_venv
  PATH=$venv/bin:$PATH
  if changed requirements pyproject.toml requirements-ci.txt; then
    say "Installing the locked requirements"
    python -m pip install --quiet --require-hashes -r requirements-ci.txt 2> >(tee "$venv/lock.log" >&2) || {
      ! grep -q "DO NOT MATCH THE HASHES" "$venv/lock.log" || fail "a package is not the one that requirements-ci.txt means"
      echo "The versions of requirements-ci.txt cannot be installed here: the newest that fit are taken." >&2
      local tools
      mapfile -t tools < <(build_tools)
      python -m pip install --quiet "${tools[@]}" || fail "the build requirements could not be installed"
    }
    keep requirements
  fi
  catch2=OFF
  if have_catch2 || { install_debian catch2 && have_catch2; }; then catch2=ON; fi
  if changed "package-$catch2" pyproject.toml CMakeLists.txt cmake cpp python pynq_overlay tests/cpp; then
    say "Installing qkdflow[dev] from the checkout"
    # One build directory for the wheel and the C++ tests: what is tested is what is installed.
    python -m pip install --no-build-isolation --config-settings=build-dir="$build" \
      --config-settings=cmake.define.QKDFLOW_TESTS=$catch2 '.[dev]' || fail "qkdflow could not be installed"
    keep "package-$catch2"
  fi
}

# use_module_of BUILD: Python takes the module that was built there, with the checkout's own Python files.
use_module_of() {
  local site=$checkout/$1/site
  rm -rf "$site"
  cmake --install "$1" --component python --prefix "$site" >/dev/null
  cp -r python/qkdflow pynq_overlay/qkdflow_overlay "$site"
  export PYTHONPATH=$site
}
