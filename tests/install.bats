# What make install puts where, what make uninstall leaves, and programs in C that use the library from there.
load helper

# install TARGET VARIABLE...: what was built is not looked at again.
install() {
	ran 0 make --no-print-directory -C "$ROOT" -o all "$@"
	[[ $stderr != *rror* ]] || fail "make $*"
}

# files FOLDER: all in it that is no folder.
files() {
	(cd "$1" && find . ! -type d | sort)
}

# manual_program: the program in the EXAMPLES of libevs(3), which comes first there.
manual_program() {
	awk '/^\.Sh EXAMPLES/ {on = 1} /^\.Sh SEE ALSO/ {on = 0} on && /^\.Ed/ {exit} code; on && /^\.Bd/ {code = 1}' "$1" |
		sed 's/\\e/\\/g; s/\\&//g; s/\\-/-/g'
}

@test "install below DESTDIR and PREFIX; uninstall leaves nothing of it" {
	mkdir -p root/opt/evs/bin
	echo mine >root/opt/evs/bin/other
	install install DESTDIR="$PWD/root" PREFIX=/opt/evs
	files root >installed
	grep -vq '^\./opt/evs/' installed && fail 'something is elsewhere'
	for tool in $(sed -n 's/^TOOLS *:= //p' "$ROOT/Makefile"); do
		[ -x root/opt/evs/bin/evs-$tool ] && [ -f root/opt/evs/share/man/man1/evs-$tool.1 ]
		is "$(root/opt/evs/bin/evs-$tool --version)" "$(evs $tool --version)"
		# Where shells look for the completion of that command.
		[ -f root/opt/evs/share/bash-completion/completions/evs-$tool ]
		[ -f root/opt/evs/share/fish/vendor_completions.d/evs-$tool.fish ]
	done
	for file in bin/evs include/evs.h lib/libevs.a lib/pkgconfig/evs.pc share/man/man7/evs.7 share/man/man5/evs-store.5 \
		share/man/man3/libevs.3 share/zsh/site-functions/_evs; do
		[ -f root/opt/evs/$file ] || fail "no $file"
	done
	is "$(find root -xtype l)" ''
	is "$(grep -rl "$PWD" root)" ''
	is "$(find root -perm /022 ! -type l)" ''
	install uninstall DESTDIR="$PWD/root" PREFIX=/opt/evs
	is "$(files root)" './opt/evs/bin/other'
}

@test "the manual of an installed program is the installed one, and evs-NAME is found there" {
	install install PREFIX="$PWD/usr"
	mkdir bin
	printf '#!/bin/sh\necho "$*"\n' >bin/man
	chmod +x bin/man
	PATH=$PWD/bin:$PATH ran 0 "$PWD/usr/bin/evs" help cat
	out_is "$PWD/usr/bin/../share/man/man1/evs-cat.1"
	gzip usr/share/man/man7/evs.7
	PATH=$PWD/bin:$PATH ran 0 "$PWD/usr/bin/evs" help concepts
	out_is "$PWD/usr/bin/../share/man/man7/evs.7.gz"
}

@test "libevs.so has a soname, and exports what evs.h declares, with a version" {
	install install PREFIX="$PWD/usr"
	version=$(sed -n 's/^VERSION := //p' "$ROOT/Makefile")
	is "$(readelf -d usr/lib/libevs.so | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" libevs.so.0
	is "$(readlink -f usr/lib/libevs.so)" "$PWD/usr/lib/libevs.so.$version"
	is "$(readlink usr/lib/libevs.so.0)" "libevs.so.$version"
	nm -D --defined-only usr/lib/libevs.so | awk '$2 != "A" {print $3}' | sort >exported
	sed -n '/^[a-z].*[ *]evs_[a-z_]*[([]/s/.*[ *]\(evs_[a-z_]*\)[([].*/\1@@EVS_0/p' usr/include/evs.h | sort >declared
	[ "$(wc -l <declared)" -gt 50 ]
	diff declared exported || fail 'exported (>) is not what is declared (<)'
	# No library is needed of which the public header knows nothing but by chance.
	is "$(readelf -d usr/lib/libevs.so | sed -n 's/.*NEEDED.*\[lib\([a-z]*\).*/\1/p' | grep -vxE 'c|m|pthread|lmdb|zstd|yyjson|gmp')" ''
}

@test "the program in libevs(3) builds with the installed library, in C11, by each compiler, and does what stands there" {
	install install PREFIX="$PWD/usr"
	export PKG_CONFIG_PATH=$PWD/usr/lib/pkgconfig
	is "$(pkg-config --modversion evs)" "$(evs --version | cut -d' ' -f2)"
	manual_program usr/share/man/man3/libevs.3 >program.c
	for compiler in gcc clang; do
		command -v $compiler >/dev/null || continue
		quiet $compiler -std=c11 -Wall -Wextra -Wpedantic -Werror -o shared program.c $(pkg-config --cflags --libs evs)
		quiet $compiler -std=c11 -Wall -Wextra -Wpedantic -Werror -o static program.c \
			$(pkg-config --static --cflags --libs evs | sed 's/-levs/-l:libevs.a/')
		readelf -d shared | grep -q 'libevs\.so\.0'
		readelf -d static | grep -q 'libevs' && fail 'it is not static'
		for program in shared static; do
			rm -f bank.evs*
			LD_LIBRARY_PATH=$PWD/usr/lib ran 0 ./$program
			out_is '{"revision":1,"eventType":"account.opened","data":{"owner":"ada"}}'
			LD_LIBRARY_PATH=$PWD/usr/lib ran 1 ./$program
			err_is "bank.evs: stream '7' is at revision 1, not 0; nothing was appended"
		done
	done
	# The header alone, also in C++.
	quiet gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c usr/include/evs.h
	if command -v clang >/dev/null; then
		quiet clang -Wall -Wextra -Werror -Wno-pragma-once-outside-header -fsyntax-only -x c++ usr/include/evs.h
	fi
}

@test "a tarball has the files that are committed, and its tree makes the same one" {
	version=$(sed -n 's/^VERSION := //p' "$ROOT/Makefile")
	ran 0 make --no-print-directory -C "$ROOT" dist BUILD="$PWD/one"
	tar xzf one/evs-$version.tar.gz
	if [ -e "$ROOT/.git" ]; then
		is "$(files evs-$version)" "$(git -C "$ROOT" ls-tree -r --name-only HEAD | sed 's|^|./|' | sort)"
	fi
	ran 0 make --no-print-directory -C evs-$version dist
	mkdir two
	tar xzf evs-$version/build/evs-$version.tar.gz -C two
	rm -r evs-$version/build
	ran 0 diff -r evs-$version two/evs-$version
}
