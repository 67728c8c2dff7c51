/* helper SECONDS: a program of no use that sleeps. Scenarios that drop and execute a program use it. */
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    unsigned seconds = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 1;
    sleep(seconds < 60 ? seconds : 60);
    return 0;
}
