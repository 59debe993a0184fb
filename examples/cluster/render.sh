# Fills a template's @NAME@ from the variables of the same name, and closes the file to others. As root it is
# for postgres. The templates are beside this file; $here says where that is.
render() {
    local template=$1 target=$2 text word
    text=$(cat "$here/$template")
    shift 2
    for word in "$@"; do
        text=${text//@$word@/${!word}}
    done
    (umask 077 && printf '%s\n' "$text" >"$target")
    [ "$(id -u)" != 0 ] || chown postgres: "$target"
}
