# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_gatepost_global_optspecs
    string join \n config= h/help V/version
end

function __fish_gatepost_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_gatepost_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_gatepost_using_subcommand
    set -l cmd (__fish_gatepost_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c gatepost -n "__fish_gatepost_needs_command" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_needs_command" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_needs_command" -s V -l version -d 'Print version'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "serve" -d 'Run the service (the default)'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "health" -d 'Ask the running service whether it is well'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "check-config" -d 'Show the settings in force and where each comes from'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "doctor" -d 'Look the installation over: what is wrong, why it matters, and what to type'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "database" -d 'Create, migrate, back up, restore and upgrade the database'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "signing-key" -d 'List and rotate the keys that sign tokens'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "audit" -d 'Check and prune the audit log'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "passwords" -d 'Build the list of breached passwords to refuse'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "user" -d 'Create, list, show, change, import and export users'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "api-key" -d 'Create, list and revoke API keys, for programs'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "mail" -d 'See what messages say, and try whether they leave'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "gate" -d 'Try the rules of the gate'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "selftest" -d 'Check that the time of an answer reveals nothing'
complete -c gatepost -n "__fish_gatepost_needs_command" -f -a "completions" -d 'Print the completions for a shell'
complete -c gatepost -n "__fish_gatepost_using_subcommand serve" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand health" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand health" -l ready -d 'Ask GET /readyz, which asks for the database too'
complete -c gatepost -n "__fish_gatepost_using_subcommand health" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand check-config" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand check-config" -l connect -d 'Also connect to database.url and database.owner_url and check roles and schema there, without changing anything'
complete -c gatepost -n "__fish_gatepost_using_subcommand check-config" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand check-config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand doctor; and not __fish_seen_subcommand_from proxy" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand doctor; and not __fish_seen_subcommand_from proxy" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand doctor; and not __fish_seen_subcommand_from proxy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand doctor; and not __fish_seen_subcommand_from proxy" -f -a "proxy" -d 'Look at the gate through the proxy in front: whether what a client forges gets past it'
complete -c gatepost -n "__fish_gatepost_using_subcommand doctor; and __fish_seen_subcommand_from proxy" -l program -d 'Where the program behind listens, such as 127.0.0.1:3000' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand doctor; and __fish_seen_subcommand_from proxy" -l connect -d 'Where the proxy is, whatever the name service says' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand doctor; and __fish_seen_subcommand_from proxy" -l as -d 'The login to sign in with' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand doctor; and __fish_seen_subcommand_from proxy" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand doctor; and __fish_seen_subcommand_from proxy" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand doctor; and __fish_seen_subcommand_from proxy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and not __fish_seen_subcommand_from create migrate backup restore upgrade after-restore" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and not __fish_seen_subcommand_from create migrate backup restore upgrade after-restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and not __fish_seen_subcommand_from create migrate backup restore upgrade after-restore" -f -a "create" -d 'Create the roles and the database on a PostgreSQL server'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and not __fish_seen_subcommand_from create migrate backup restore upgrade after-restore" -f -a "migrate" -d 'Bring the schema up to date'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and not __fish_seen_subcommand_from create migrate backup restore upgrade after-restore" -f -a "backup" -d 'Back the private PostgreSQL up into a new file, while the service runs'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and not __fish_seen_subcommand_from create migrate backup restore upgrade after-restore" -f -a "restore" -d 'Restore a backup into the private PostgreSQL'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and not __fish_seen_subcommand_from create migrate backup restore upgrade after-restore" -f -a "upgrade" -d 'Take the private PostgreSQL to the newest major version that is installed'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and not __fish_seen_subcommand_from create migrate backup restore upgrade after-restore" -f -a "after-restore" -d 'Make a restored database safe to use'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from create" -l owner-password-file -d 'Holds the password of gatepost_owner' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from create" -l app-password-file -d 'Holds the password of gatepost_app' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from create" -l admin-url -d 'Names the superuser; without it, the role postgres on /var/run/postgresql, for `sudo -u postgres gatepost database create …`' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from create" -l admin-url-file -d 'Holds the superuser\'s URL, and may hold the password' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from create" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from migrate" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from migrate" -l dry-run -d 'Print the pending migrations instead'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from migrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from backup" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from restore" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from restore" -l dry-run -d 'Only try it: restore it beside the one in use, check it, and throw it away'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from restore" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from upgrade" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from upgrade" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from after-restore" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from after-restore" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand database; and __fish_seen_subcommand_from after-restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and not __fish_seen_subcommand_from list rotate reencrypt" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and not __fish_seen_subcommand_from list rotate reencrypt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and not __fish_seen_subcommand_from list rotate reencrypt" -f -a "list" -d 'List the signing keys in the database'
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and not __fish_seen_subcommand_from list rotate reencrypt" -f -a "rotate" -d 'Create the next key; it signs after tokens.key_publication'
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and not __fish_seen_subcommand_from list rotate reencrypt" -f -a "reencrypt" -d 'Encrypt the keys under encryption.key and print their names'
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and __fish_seen_subcommand_from list" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and __fish_seen_subcommand_from rotate" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and __fish_seen_subcommand_from rotate" -l compromised -d 'Replace all keys now; this ends all tokens and sessions'
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and __fish_seen_subcommand_from rotate" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and __fish_seen_subcommand_from reencrypt" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand signing-key; and __fish_seen_subcommand_from reencrypt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and not __fish_seen_subcommand_from head verify prune" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and not __fish_seen_subcommand_from head verify prune" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and not __fish_seen_subcommand_from head verify prune" -f -a "head" -d 'Print the head of the chain; keep it on another machine'
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and not __fish_seen_subcommand_from head verify prune" -f -a "verify" -d 'Check that no row was changed or removed'
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and not __fish_seen_subcommand_from head verify prune" -f -a "prune" -d 'Remove rows older than a time; needs database.owner_url'
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and __fish_seen_subcommand_from head" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and __fish_seen_subcommand_from head" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and __fish_seen_subcommand_from verify" -l head -d 'A head kept from earlier: check also that the end was not cut off' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and __fish_seen_subcommand_from verify" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and __fish_seen_subcommand_from verify" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and __fish_seen_subcommand_from prune" -l before -d 'A time in the past, such as 2027-01-31T18:00:00Z' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and __fish_seen_subcommand_from prune" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand audit; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand passwords; and not __fish_seen_subcommand_from build-list" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand passwords; and not __fish_seen_subcommand_from build-list" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand passwords; and not __fish_seen_subcommand_from build-list" -f -a "build-list" -d 'Build the file for passwords.breach_list'
complete -c gatepost -n "__fish_gatepost_using_subcommand passwords; and __fish_seen_subcommand_from build-list" -l output -d 'Where the list is written' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand passwords; and __fish_seen_subcommand_from build-list" -l min-count -d 'Leave out passwords seen fewer than N times; lines without a count are kept, and their number is printed' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand passwords; and __fish_seen_subcommand_from build-list" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand passwords; and __fish_seen_subcommand_from build-list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "create" -d 'Create a user; reads the password from standard input'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "list" -d 'List the users'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "show" -d 'Show a user'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "promote" -d 'Make a user an admin'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "demote" -d 'Make an admin an ordinary user'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "lock" -d 'Lock an account and end its sessions at once'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "unlock" -d 'Unlock an account'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "expire" -d 'Let an account expire'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "set-roles" -d 'Set the roles of a user, instead of those so far'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "set-groups" -d 'Set the groups that a user is in, instead of those so far'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "set-attributes" -d 'Change the attributes of a user; reads JSON from standard input'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "set-email" -d 'Set the address of a user'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "invite" -d 'Make a user without a password, and send the address a link that lets its reader set one'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "recover" -d 'Print a link, or a token for POST /recovery/confirm, that sets a new password'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "delete" -d 'Delete a user'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "set-password" -d 'Set a password, read from standard input'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "remove-factors" -d 'Remove all second factors and recovery codes of a user who has lost them'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "import" -d 'Import users from another service'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and not __fish_seen_subcommand_from create list show promote demote lock unlock expire set-roles set-groups set-attributes set-email invite recover delete set-password remove-factors import export" -f -a "export" -d 'Write all users in the form that import reads'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from create" -l email -d 'The user\'s address' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from create" -l role -d 'A role of the new user; may be repeated' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from create" -l group -d 'A group of the new user; may be repeated' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from create" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from create" -l admin -d 'Make the user an admin'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from create" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from list" -l login-prefix -d 'Only users whose logins begin like this, in any spelling' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from list" -l email -d 'Only users who have this address, verified or not' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from list" -l role -d 'Only users who have this role' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from list" -l group -d 'Only users who are in this group' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from list" -l locked -d 'Only users who are locked (true) or who are not (false)' -r -f -a "true\t''
false\t''"
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from list" -l created-after -d 'Only users who registered at this time or later, such as 2027-01-31T18:00:00Z' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from list" -l created-before -d 'Only users who registered before this time' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from list" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from show" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from promote" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from promote" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from promote" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from demote" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from demote" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from demote" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from lock" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from lock" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from lock" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from unlock" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from unlock" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from unlock" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from expire" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from expire" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from expire" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-roles" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-roles" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-roles" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-groups" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-groups" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-groups" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-attributes" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-attributes" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-attributes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-email" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-email" -l verified -d 'Take it as verified, and at once'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-email" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-email" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from invite" -l role -d 'A role of the new user; may be repeated' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from invite" -l group -d 'A group of the new user; may be repeated' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from invite" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from invite" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from invite" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from recover" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from recover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from delete" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from delete" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-password" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-password" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from set-password" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from remove-factors" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from remove-factors" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from remove-factors" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from import" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from import" -l dry-run -d 'Change nothing; print what would happen and what the first logins will cost'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from import" -l renumber -d 'Give the users new ids instead of those in the file'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from import" -l invite -d 'Invite the users who have an email and no password_hash'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from export" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand user; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and not __fish_seen_subcommand_from create list revoke" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and not __fish_seen_subcommand_from create list revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and not __fish_seen_subcommand_from create list revoke" -f -a "create" -d 'Create a key and print it, this once'
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and not __fish_seen_subcommand_from create list revoke" -f -a "list" -d 'List the keys'
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and not __fish_seen_subcommand_from create list revoke" -f -a "revoke" -d 'Revoke a key at once'
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and __fish_seen_subcommand_from create" -l scope -d 'What the key allows, separated by commas: users:read (read users and their sessions), users:write (change and delete users who are not admins, and end their sessions), register (register users, also with access.registration = "admin"), introspect (introspect tokens), outbox (take messages and events), invite (invite users)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and __fish_seen_subcommand_from create" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and __fish_seen_subcommand_from create" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and __fish_seen_subcommand_from list" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and __fish_seen_subcommand_from revoke" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and __fish_seen_subcommand_from revoke" -l json -d 'Print JSON, one object a line'
complete -c gatepost -n "__fish_gatepost_using_subcommand api-key; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand mail; and not __fish_seen_subcommand_from preview send-test" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand mail; and not __fish_seen_subcommand_from preview send-test" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand mail; and not __fish_seen_subcommand_from preview send-test" -f -a "preview" -d 'Print a message as it would be sent, with made-up values'
complete -c gatepost -n "__fish_gatepost_using_subcommand mail; and not __fish_seen_subcommand_from preview send-test" -f -a "send-test" -d 'Send a message to an address by mail.smtp, now'
complete -c gatepost -n "__fish_gatepost_using_subcommand mail; and __fish_seen_subcommand_from preview" -l language -d 'The language, such as de' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand mail; and __fish_seen_subcommand_from preview" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand mail; and __fish_seen_subcommand_from preview" -l html -d 'Print the HTML instead of the plain text'
complete -c gatepost -n "__fish_gatepost_using_subcommand mail; and __fish_seen_subcommand_from preview" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand mail; and __fish_seen_subcommand_from send-test" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand mail; and __fish_seen_subcommand_from send-test" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand gate; and not __fish_seen_subcommand_from test" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand gate; and not __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand gate; and not __fish_seen_subcommand_from test" -f -a "test" -d 'Say which rule decides about a request, and why'
complete -c gatepost -n "__fish_gatepost_using_subcommand gate; and __fish_seen_subcommand_from test" -l as -d 'The user\'s login' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand gate; and __fish_seen_subcommand_from test" -l method -d 'The method of the request' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand gate; and __fish_seen_subcommand_from test" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand gate; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand selftest; and not __fish_seen_subcommand_from timing" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand selftest; and not __fish_seen_subcommand_from timing" -s h -l help -d 'Print help'
complete -c gatepost -n "__fish_gatepost_using_subcommand selftest; and not __fish_seen_subcommand_from timing" -f -a "timing" -d 'Check whether the time of a refused login, or of a request for a way back, reveals that the login exists or is locked'
complete -c gatepost -n "__fish_gatepost_using_subcommand selftest; and __fish_seen_subcommand_from timing" -l tries -d 'Logins and requests of each kind, from 50 to 100000; 2000 without this' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand selftest; and __fish_seen_subcommand_from timing" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand selftest; and __fish_seen_subcommand_from timing" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gatepost -n "__fish_gatepost_using_subcommand completions" -l config -d 'Read this configuration file (also: GATEPOST_CONFIG)' -r
complete -c gatepost -n "__fish_gatepost_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
